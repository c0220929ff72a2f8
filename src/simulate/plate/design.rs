//! Plate designs: what issuers print, in which colours, with which serials.
//!
//! A design is an impression, not a facsimile: proportions, colours, legends and serial patterns are near the real ones
//! of the 2000s to 2020s, emblems are simple shapes.

use crate::simulate::brush::Rgb;
use crate::simulate::chance::Chance;
use crate::simulate::scene::Rng;

/// What lies at the plate's edge beside the serial.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Trim {
    /// Nothing.
    Plain,
    /// A bar along the top in this colour; the legend stands in it.
    TopBar(Rgb),
    /// A bar along the bottom.
    BottomBar(Rgb),
    /// Bars along both.
    Bars(Rgb),
    /// A hilly horizon in this colour.
    Hills(Rgb),
    /// A pale picture behind the serial.
    Picture(Rgb),
    /// The blue European band on the left with these letters.
    EuroBand(&'static str),
    /// The band on both sides (France, Italy).
    EuroBands(&'static str),
    /// The blue bar along the top (Mercosur) with the country's name.
    Mercosur(&'static str),
    /// Brazil before 2018: town above the serial.
    Town,
}

/// Whose dies stamp the serial.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cut {
    /// North American: narrow, even, square to round.
    American,
    /// German and its kin: wide, heavy.
    German,
    /// DIN-like: most of Europe, Brazil.
    Din,
    /// British: narrow, heavy, sans.
    British,
    /// A printed font.
    Printed,
    /// Anything.
    Any,
}

/// A plate design.
#[derive(Clone, Copy, Debug)]
pub struct Design {
    /// Issuer, as in the truth.
    pub issuer: &'static str,
    /// Width and height in millimetres.
    pub size: (f32, f32),
    /// Top and bottom background.
    pub ground: (Rgb, Rgb),
    /// Serial.
    pub ink: Rgb,
    /// Small print.
    pub small: Rgb,
    /// Above the serial.
    pub top: &'static str,
    /// Below the serial.
    pub bottom: &'static str,
    /// `@` is a letter, `#` a digit, ` ` a gap, `*` an emblem, `|` a new line, the rest is itself.
    pub patterns: &'static [&'static str],
    /// Edge.
    pub trim: Trim,
    /// Dies.
    pub cut: Cut,
    /// Letters in use.
    pub letters: &'static str,
}

const WHITE: Rgb = Rgb(238, 238, 234);
const BLACK: Rgb = Rgb(24, 24, 26);
const BLUE: Rgb = Rgb(28, 48, 120);
const GREEN: Rgb = Rgb(20, 84, 50);
const RED: Rgb = Rgb(168, 24, 34);
const YELLOW: Rgb = Rgb(240, 196, 40);
const ALL: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZ";
const NO_IOQ: &str = "ABCDEFGHJKLMNPRSTUVWXYZ";
const CONSONANTS: &str = "BCDFGHJKLMNPRSTVWXYZ";

const US: (f32, f32) = (305.0, 152.0);
const EU: (f32, f32) = (520.0, 112.0);

#[rustfmt::skip]
macro_rules! design {
    ($issuer:literal, $size:expr, $ground:expr, $ink:expr, $small:expr, $top:literal, $bottom:literal, $patterns:expr, $trim:expr, $cut:ident, $letters:expr) => {
        Design { issuer: $issuer, size: $size, ground: $ground, ink: $ink, small: $small, top: $top, bottom: $bottom, patterns: &$patterns, trim: $trim, cut: Cut::$cut, letters: $letters }
    };
}

/// United States.
#[rustfmt::skip]
pub const STATES: &[Design] = &[
    design!("US-CA", US, (WHITE, WHITE), BLUE, RED, "California", "dmv.ca.gov", ["#@@@###", "#@@@###", "#@#####"], Trim::Plain, American, ALL),
    design!("US-TX", US, (WHITE, WHITE), BLACK, BLACK, "TEXAS", "The Lone Star State", ["@@@*####", "@@#*@###", "@@@ ####"], Trim::Plain, American, CONSONANTS),
    design!("US-TX-classic", US, (Rgb(206, 222, 238), WHITE), BLUE, BLUE, "TEXAS", "THE LONE STAR STATE", ["@## @@@", "@@@ ##@", "###*@@@"], Trim::Picture(Rgb(150, 170, 200)), American, NO_IOQ),
    design!("US-NY", US, (Rgb(244, 190, 50), Rgb(240, 178, 30)), BLUE, BLUE, "NEW YORK", "EMPIRE STATE", ["@@@-####", "@@@ ####"], Trim::Bars(BLUE), American, ALL),
    design!("US-NY-liberty", US, (WHITE, WHITE), BLUE, BLUE, "NEW YORK", "EXCELSIOR", ["@@@ ####", "@@@-####"], Trim::TopBar(BLUE), American, ALL),
    design!("US-FL", US, (WHITE, Rgb(226, 240, 218)), GREEN, GREEN, "MYFLORIDA.COM", "SUNSHINE STATE", ["@## #@@", "@@@*@##", "#### @@", "@@@ @##"], Trim::Picture(Rgb(240, 166, 60)), American, NO_IOQ),
    design!("US-IL", US, (WHITE, WHITE), RED, BLUE, "Illinois", "Land of Lincoln", ["@## ####", "@@ #####", "### ####"], Trim::Picture(Rgb(180, 190, 214)), American, ALL),
    design!("US-PA", US, (WHITE, WHITE), BLUE, WHITE, "PENNSYLVANIA", "visitPA.com", ["@@@-####", "@@@*####"], Trim::TopBar(BLUE), American, ALL),
    design!("US-OH", US, (Rgb(216, 228, 242), WHITE), BLUE, BLUE, "OHIO", "BIRTHPLACE OF AVIATION", ["@@@ ####"], Trim::BottomBar(Rgb(190, 60, 60)), American, ALL),
    design!("US-GA", US, (WHITE, WHITE), BLACK, BLACK, "GEORGIA", "PEACH STATE", ["@@@ ####", "@@@*####"], Trim::Picture(Rgb(238, 180, 130)), American, ALL),
    design!("US-MI", US, (WHITE, WHITE), BLUE, WHITE, "MICHIGAN", "www.Michigan.gov", ["@@@ ####", "#@@ @##"], Trim::TopBar(BLUE), American, ALL),
    design!("US-NJ", US, (Rgb(236, 224, 150), WHITE), BLACK, BLACK, "New Jersey", "Garden State", ["@## @@@", "@@@*##@", "@@*###@"], Trim::Plain, American, NO_IOQ),
    design!("US-VA", US, (WHITE, WHITE), BLUE, BLUE, "VIRGINIA", "", ["@@@-####", "@@@ ####"], Trim::Plain, American, ALL),
    design!("US-WA", US, (WHITE, WHITE), BLUE, Rgb(150, 40, 60), "WASHINGTON", "EVERGREEN STATE", ["@@@####", "###-@@@"], Trim::Picture(Rgb(168, 190, 220)), American, ALL),
    design!("US-AZ", US, (Rgb(226, 168, 130), Rgb(152, 190, 196)), Rgb(40, 60, 70), BLACK, "ARIZONA", "GRAND CANYON STATE", ["@@@ ####", "###·@@@", "@@@####"], Trim::Hills(Rgb(96, 70, 120)), American, ALL),
    design!("US-MA", US, (WHITE, WHITE), RED, RED, "Massachusetts", "The Spirit of America", ["### @@#", "#@@ @##", "####@@"], Trim::Plain, American, ALL),
    design!("US-CO", US, (GREEN, GREEN), WHITE, WHITE, "", "COLORADO", ["@@@ ###", "###-@@@", "@@@####"], Trim::Hills(Rgb(236, 236, 232)), American, ALL),
    design!("US-MO", US, (Rgb(190, 214, 230), WHITE), BLUE, BLUE, "MISSOURI", "SHOW-ME STATE", ["@@# @#@", "@@#*@#@"], Trim::Picture(Rgb(140, 176, 200)), American, ALL),
    design!("US-WI", US, (WHITE, WHITE), BLACK, RED, "WISCONSIN", "America's Dairyland", ["###-@@@", "@@@-####"], Trim::Plain, American, ALL),
    design!("US-MN", US, (WHITE, Rgb(200, 222, 240)), BLACK, BLUE, "Minnesota", "10,000 lakes", ["###-@@@", "@@@*###"], Trim::BottomBar(Rgb(120, 160, 90)), American, ALL),
    design!("US-NM", US, (Rgb(244, 206, 60), Rgb(244, 200, 50)), RED, RED, "NEW MEXICO", "Land of Enchantment", ["###*@@@", "@@@ ###", "###-@@@"], Trim::Plain, American, ALL),
    design!("US-NM-turquoise", US, (Rgb(40, 150, 170), Rgb(40, 150, 170)), YELLOW, YELLOW, "NEW MEXICO USA", "Land of Enchantment", ["###·@@@", "@@@·###"], Trim::Plain, American, ALL),
    design!("US-OR", US, (Rgb(206, 222, 240), WHITE), BLUE, BLUE, "Oregon", "Pacific Wonderland", ["### @@@", "###*@@@"], Trim::Picture(Rgb(80, 130, 90)), American, ALL),
    design!("US-NV", US, (Rgb(180, 204, 226), Rgb(236, 220, 180)), BLUE, BLUE, "NEVADA", "THE SILVER STATE", ["###·@@@", "### @@@", "##@·###"], Trim::Hills(Rgb(150, 130, 150)), American, ALL),
    design!("US-VT", US, (GREEN, GREEN), WHITE, WHITE, "Vermont", "Green Mountain State", ["@@@ ###", "@@@###"], Trim::Plain, American, ALL),
    design!("US-DE", US, (Rgb(20, 44, 90), Rgb(20, 44, 90)), Rgb(230, 190, 70), Rgb(230, 190, 70), "THE FIRST STATE", "DELAWARE", ["######", "@#####"], Trim::Plain, American, ALL),
    design!("US-AK", US, (Rgb(240, 184, 50), Rgb(240, 184, 50)), BLUE, BLUE, "ALASKA", "The Last Frontier", ["@@@ ###", "@@@*###"], Trim::Plain, American, ALL),
    design!("US-UT", US, (Rgb(196, 214, 236), WHITE), BLACK, BLUE, "UTAH", "LIFE ELEVATED", ["@## #@@", "### #@@", "@@@ ###"], Trim::Picture(Rgb(216, 130, 80)), American, ALL),
    design!("US-TN", US, (WHITE, Rgb(180, 210, 180)), BLACK, GREEN, "Tennessee", "The Volunteer State", ["@## ##@", "###-@@@"], Trim::Hills(Rgb(140, 180, 140)), American, ALL),
    design!("US-NC", US, (WHITE, WHITE), BLUE, RED, "First in Flight", "NORTH CAROLINA", ["@@@-####", "@@@ ####"], Trim::Picture(Rgb(176, 200, 226)), American, ALL),
    design!("US-LA", US, (WHITE, WHITE), BLUE, RED, "Louisiana", "Sportsman's Paradise", ["@@@ ###", "###*@@@"], Trim::Picture(Rgb(200, 150, 140)), American, ALL),
    design!("US-CT", US, (Rgb(150, 186, 220), WHITE), BLUE, BLUE, "Connecticut", "Constitution State", ["###·@@@", "@@·#####", "#@@@@#"], Trim::Plain, American, ALL),
    design!("US-SC", US, (Rgb(238, 206, 150), WHITE), BLUE, BLUE, "South Carolina", "TRAVEL2SC.COM", ["@@@ ###", "@@@*###"], Trim::Picture(Rgb(60, 90, 120)), American, ALL),
    design!("US-ID", US, (Rgb(220, 110, 100), WHITE), BLUE, BLUE, "Scenic IDAHO", "FAMOUS POTATOES", ["#@ @####", "#@ ####@", "@ ######"], Trim::Hills(Rgb(70, 110, 90)), American, ALL),
];

/// Canada and Mexico.
#[rustfmt::skip]
pub const NEIGHBOURS: &[Design] = &[
    design!("CA-ON", US, (WHITE, WHITE), BLUE, BLUE, "ONTARIO", "YOURS TO DISCOVER", ["@@@@ ###", "@@@@*###", "### @@@"], Trim::Plain, American, NO_IOQ),
    design!("CA-QC", US, (WHITE, WHITE), BLUE, BLUE, "Québec", "Je me souviens", ["### @@@", "@## @@@", "@@@ ###"], Trim::Plain, American, NO_IOQ),
    design!("CA-BC", US, (WHITE, WHITE), BLUE, BLUE, "British Columbia", "Beautiful", ["@@# ##@", "### @@@", "@@@ ###"], Trim::Picture(Rgb(190, 120, 130)), American, NO_IOQ),
    design!("CA-AB", US, (WHITE, WHITE), RED, BLUE, "Alberta", "Wild Rose Country", ["@@@-####", "@@@-###"], Trim::Plain, American, NO_IOQ),
    design!("CA-MB", US, (Rgb(190, 214, 240), WHITE), BLUE, BLUE, "Manitoba", "Friendly", ["@@@ ###"], Trim::Hills(Rgb(90, 130, 110)), American, NO_IOQ),
    design!("CA-NS", US, (WHITE, Rgb(190, 214, 240)), BLUE, BLUE, "NOVA SCOTIA", "Canada's Ocean Playground", ["@@@ ###"], Trim::Picture(Rgb(150, 180, 210)), American, NO_IOQ),
    design!("MX-BC", (300.0, 150.0), (WHITE, WHITE), BLACK, RED, "BAJA CALIFORNIA", "MEXICO", ["@@@-##-##", "@##-@@@", "@@@-###-@"], Trim::BottomBar(Rgb(190, 60, 60)), Printed, CONSONANTS),
    design!("MX-CHH", (300.0, 150.0), (WHITE, Rgb(236, 220, 190)), BLACK, RED, "CHIHUAHUA", "MEXICO DELANTERA", ["@@@-###-@", "@@@-##-##"], Trim::Picture(Rgb(190, 150, 110)), Printed, CONSONANTS),
    design!("MX-TAM", (300.0, 150.0), (WHITE, WHITE), BLACK, BLUE, "TAMAULIPAS", "MEXICO TRASERA", ["@@@-###-@", "@@@-##-##"], Trim::TopBar(Rgb(150, 190, 220)), Printed, CONSONANTS),
    design!("MX-NL", (300.0, 150.0), (WHITE, WHITE), BLACK, GREEN, "NUEVO LEON", "MEXICO", ["@@@-###-@", "@@@-##-##"], Trim::Bars(Rgb(200, 110, 60)), Printed, CONSONANTS),
    design!("MX-SON", (300.0, 150.0), (Rgb(240, 230, 210), WHITE), BLACK, RED, "SONORA", "MEXICO", ["@@@-###-@", "@@@-##-##"], Trim::Hills(Rgb(200, 150, 90)), American, CONSONANTS),
    design!("MX-CMX", (300.0, 150.0), (WHITE, WHITE), BLACK, Rgb(200, 40, 120), "CIUDAD DE MEXICO", "MEXICO", ["@##-@@@", "###-@@@"], Trim::TopBar(Rgb(216, 90, 150)), Printed, CONSONANTS),
];

/// Europe.
#[rustfmt::skip]
pub const EUROPE: &[Design] = &[
    design!("DE", EU, (WHITE, WHITE), BLACK, BLUE, "", "", ["@ @@ ####", "@@ @@ ###", "@@@ @@ ##", "@@ @ ####", "@@ @@ ####", "@-@@ ####"], Trim::EuroBand("D"), German, ALL),
    design!("FR", EU, (WHITE, WHITE), BLACK, BLUE, "", "", ["@@-###-@@"], Trim::EuroBands("F"), Din, NO_IOQ),
    design!("IT", EU, (WHITE, WHITE), BLACK, BLUE, "", "", ["@@ ###@@", "@@ ### @@"], Trim::EuroBands("I"), Din, NO_IOQ),
    design!("ES", EU, (WHITE, WHITE), BLACK, BLUE, "", "", ["#### @@@"], Trim::EuroBand("E"), Din, CONSONANTS),
    design!("NL", EU, (YELLOW, YELLOW), BLACK, BLUE, "", "", ["@@-###-@", "##-@@@-#", "#-@@@-##", "@-###-@@"], Trim::EuroBand("NL"), Din, CONSONANTS),
    design!("BE", EU, (WHITE, WHITE), RED, BLUE, "", "", ["#-@@@-###"], Trim::EuroBand("B"), Din, ALL),
    design!("PL", EU, (WHITE, WHITE), BLACK, BLUE, "", "", ["@@ #####", "@@@ ####", "@@@ @###", "@@ ####@"], Trim::EuroBand("PL"), Din, NO_IOQ),
    design!("AT", EU, (WHITE, WHITE), BLACK, RED, "", "", ["@-#####@", "@@-###@@", "@ ####@"], Trim::EuroBand("A"), Din, ALL),
    design!("CZ", EU, (WHITE, WHITE), BLACK, BLUE, "", "", ["#@# ####", "#@@ ####"], Trim::EuroBand("CZ"), Din, NO_IOQ),
    design!("RO", EU, (WHITE, WHITE), BLACK, BLUE, "", "", ["@ ## @@@", "@@ ## @@@", "@ ### @@@"], Trim::EuroBand("RO"), Din, ALL),
    design!("PT", EU, (WHITE, WHITE), BLACK, BLUE, "", "", ["##-@@-##", "##-##-@@", "@@-##-@@"], Trim::EuroBand("P"), Din, ALL),
    design!("HU", EU, (WHITE, WHITE), BLACK, BLUE, "", "", ["@@@-###", "@@ @@-###"], Trim::EuroBand("H"), Din, ALL),
    design!("SK", EU, (WHITE, WHITE), BLACK, BLUE, "", "", ["@@-###@@", "@@ ###@@"], Trim::EuroBand("SK"), Din, NO_IOQ),
    design!("SI", EU, (WHITE, WHITE), BLACK, GREEN, "", "", ["@@ @@-###", "@@ ##-@@@"], Trim::EuroBand("SLO"), Din, ALL),
    design!("HR", EU, (WHITE, WHITE), BLACK, RED, "", "", ["@@ ####-@@", "@@ ###-@@"], Trim::Plain, Din, ALL),
    design!("GR", EU, (WHITE, WHITE), BLACK, BLUE, "", "", ["@@@-####"], Trim::EuroBand("GR"), Din, "ABEZHIKMNOPTYX"),
    design!("BG", EU, (WHITE, WHITE), BLACK, BLUE, "", "", ["@@ #### @@", "@ #### @@"], Trim::EuroBand("BG"), Din, "ABEKMHOPCTYX"),
    design!("SE", EU, (WHITE, WHITE), BLACK, BLUE, "", "", ["@@@ ###", "@@@ ##@"], Trim::EuroBand("S"), Din, NO_IOQ),
    design!("LT", EU, (WHITE, WHITE), BLACK, BLUE, "", "", ["@@@ ###", "@@@:###"], Trim::EuroBand("LT"), Din, NO_IOQ),
    design!("CH", (500.0, 110.0), (WHITE, WHITE), BLACK, RED, "", "", ["@@ ######", "@@·#####", "@@ ####"], Trim::Plain, Din, ALL),
    design!("GB-front", EU, (WHITE, WHITE), BLACK, BLUE, "", "", ["@@## @@@", "@### @@@", "@@ @@@"], Trim::Plain, British, NO_IOQ),
    design!("GB-rear", EU, (YELLOW, YELLOW), BLACK, BLUE, "", "", ["@@## @@@", "@### @@@", "@@## @@@"], Trim::EuroBand("GB"), British, NO_IOQ),
    design!("IE", EU, (WHITE, WHITE), BLACK, BLUE, "", "", ["##-@-#####", "###-@-####", "##-@-####"], Trim::EuroBand("IRL"), British, "DCGKLMWT"),
    design!("UA", EU, (WHITE, WHITE), BLACK, BLUE, "", "", ["@@ #### @@"], Trim::EuroBand("UA"), Din, "ABEIKMHOPCTX"),
];

/// South America, where real photographs of the same kinds come from too.
#[rustfmt::skip]
pub const SOUTH: &[Design] = &[
    design!("BR-old", (400.0, 130.0), (Rgb(186, 188, 190), Rgb(178, 180, 182)), BLACK, BLACK, "", "", ["@@@-####", "@@@·####", "@@@ ####"], Trim::Town, Din, ALL),
    design!("BR-old-hire", (400.0, 130.0), (Rgb(150, 34, 36), Rgb(140, 30, 34)), Rgb(224, 224, 224), Rgb(224, 224, 224), "", "", ["@@@-####", "@@@ ####"], Trim::Town, Din, ALL),
    design!("BR", (400.0, 130.0), (WHITE, WHITE), BLACK, BLUE, "", "", ["@@@#@##"], Trim::Mercosur("BRASIL"), German, ALL),
    design!("AR", (400.0, 130.0), (WHITE, WHITE), BLACK, BLUE, "", "", ["@@ ### @@"], Trim::Mercosur("REPUBLICA ARGENTINA"), German, ALL),
    design!("AR-old", (294.0, 129.0), (BLACK, BLACK), WHITE, WHITE, "ARGENTINA", "", ["@@@ ###"], Trim::Plain, Din, ALL),
];

impl Design {
    /// Some issuer's design: `region` says how likely each continent is.
    pub fn random(rng: &mut Rng, region: Region) -> Self {
        let shares: [(&[Self], f32); 4] = match region {
            Region::Border => [(STATES, 0.62), (NEIGHBOURS, 0.32), (EUROPE, 0.04), (SOUTH, 0.02)],
            Region::World => [(STATES, 0.38), (NEIGHBOURS, 0.12), (EUROPE, 0.34), (SOUTH, 0.16)],
        };
        let list: &[Self] = shares[*rng.weighted(&[0, 1, 2, 3].map(|i| (i, shares[i].1)))].0;
        let mut design = list[rng.below(list.len())];
        if region == Region::World && rng.odds(0.18) {
            design.invent(rng);
        }
        design
    }

    /// Turns the design into one that nobody issues, so that a reader learns letters and not issuers.
    fn invent(&mut self, rng: &mut Rng) {
        const PATTERNS: &[&str] = &[
            "@@@###",
            "@@@####",
            "######",
            "#####",
            "@####",
            "@@####",
            "##@@@#",
            "@#@#@#",
            "@@@@@@",
            "@@@@@@@",
            "#@@###",
            "@@-####-@",
            "####-##",
            "@@@@###",
            "###@@##",
            "########",
            "@@#@@###",
            "### ####",
            "@ #### @",
            "@@@@",
            "####",
            "@@##@@",
            "@@@ #@#",
            "##-###-##",
            "@@@@@###",
            "@@##@@####",
            "## ## ##",
            "###·####",
        ];
        self.issuer = "XX";
        let at = rng.below(PATTERNS.len());
        self.patterns = &PATTERNS[at..=at];
        self.letters = ALL;
        let dark = rng.odds(0.3);
        let tone = |rng: &mut Rng, low: f32, high: f32| {
            let mut v = || rng.between(low, high) as u8;
            Rgb(v(), v(), v())
        };
        let (light, heavy) = (tone(rng, 170.0, 250.0), tone(rng, 0.0, 95.0));
        self.ground = if dark { (heavy, heavy.times(rng.between(0.8, 1.2))) } else { (light, light.mixed(WHITE, 0.6)) };
        (self.ink, self.small) = if dark { (light, light) } else { (heavy, heavy) };
        self.cut = Cut::Any;
        if matches!(self.trim, Trim::TopBar(_) | Trim::Bars(_) | Trim::BottomBar(_)) {
            self.trim = Trim::Plain;
        }
    }

    /// A serial number of this design: what is printed, with gaps, dashes and emblems.
    pub fn serial(&self, rng: &mut Rng) -> String {
        let letters: Vec<char> = self.letters.chars().collect();
        let digit = |rng: &mut Rng| char::from(b'0' + rng.below(10) as u8);
        // Vanity plates: North America sells them.
        if self.cut == Cut::American && rng.odds(0.05) {
            let length = 3 + rng.below(5);
            return (0..length).map(|_| if rng.odds(0.8) { *rng.pick(&letters) } else { digit(rng) }).collect();
        }
        rng.pick(self.patterns)
            .chars()
            .map(|c| match c {
                '@' => *rng.pick(&letters),
                '#' => digit(rng),
                other => other,
            })
            .collect()
    }
}

/// Where the vehicles come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Region {
    /// A North American land border.
    Border,
    /// Anywhere, so that eyes learn plates and not issuers.
    World,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::capture::PlateText;
    use crate::simulate::chance::dice;

    #[test]
    fn every_serial_is_a_plate_text() {
        let mut rng = dice(3, "serials", 0);
        for list in [STATES, NEIGHBOURS, EUROPE, SOUTH] {
            for design in list {
                for _ in 0..20 {
                    let serial = design.serial(&mut rng);
                    let text = PlateText::canonical(&serial).expect("letters and digits");
                    assert!((3..=10).contains(&text.expose().len()), "{} {serial}", design.issuer);
                }
            }
        }
    }
}
