//! Patterns of serials in common use, region by region: `L` a letter, `D` a digit, separators left out. From the issuers'
//! public descriptions; vanity, diplomatic and trade plates are not among them.

use super::PlateRegion;

/// Patterns that `region` issues.
pub fn of(region: PlateRegion) -> &'static [&'static [&'static str]] {
    match region {
        PlateRegion::Us => &[UNITED_STATES],
        PlateRegion::Ca => &[CANADA],
        PlateRegion::Mx => &[MEXICO],
        PlateRegion::Br => &[BRAZIL],
        PlateRegion::Ar => &[ARGENTINA],
        PlateRegion::Uk => &[UNITED_KINGDOM],
        PlateRegion::Eu => &[UNION, UNITED_KINGDOM],
    }
}

/// Fifty states and the federal district; many have several series on the road at once.
#[rustfmt::skip]
const UNITED_STATES: &[&str] = &[
    "LLLDDD", "LLLDDDD", "DDDLLL", "DLLLDDD", "LLDDDDD", "DDDDLLL", "LLLLDDD", "DDDDLL", "LLLDDL", "DLLDDD", "DDDLLD",
    "LLDDDD", "DDLLDD", "DDDDDD", "DDDDDDD", "LDDDDD", "LDDDDDD", "DDLDDDD", "DLDDDDD", "LDDLLL", "LDDDLL", "DLLDDDD",
    "LLLLDD", "DLLLDD", "LDLDDD", "LLDLDL", "DDDDDDL", "DDDLDDD", "DDLDDD", "LDDDDL",
];

/// Ten provinces and three territories.
#[rustfmt::skip]
const CANADA: &[&str] = &[
    "LLLDDD", "LLLDDDD", "LLLLDDD", "DDDLLL", "LDDLLL", "LLDDDL", "DDDLLD", "LLLDD", "DDDDDD", "DDDDLL", "LLDDDD",
];

const MEXICO: &[&str] = &["LLLDDDL", "LLLDDDD", "LDDLLL", "LLDDDDL", "DDDLLL"];

/// The series before Mercosur's, and Mercosur's.
const BRAZIL: &[&str] = &["LLLDDDD", "LLLDLDD"];

/// The series before Mercosur's, Mercosur's, and Mercosur's of motorcycles.
const ARGENTINA: &[&str] = &["LLLDDD", "LLDDDLL", "LDDDLLL"];

/// Great Britain's current, prefix and suffix series, and Northern Ireland's.
#[rustfmt::skip]
const UNITED_KINGDOM: &[&str] = &[
    "LLDDLLL", "LDDDLLL", "LDDLLL", "LDLLL", "LLLDDDL", "LLLDDL", "LLLDL", "LLLDDDD", "LLLDDD",
];

/// All members; a pattern that several issue stands with the first of them.
#[rustfmt::skip]
const UNION: &[&str] = &[
    // Austria
    "LDDDDL", "LDDDDDL", "LDDDLL", "LDDDDLL", "LLDDDL", "LLDDDDL", "LLDDDLL", "LDDDLLL", "LLDDLLL",
    // Belgium; Cyprus, Finland, Hungary, Lithuania, Malta and Sweden with its earlier series
    "DLLLDDD", "LLLDDD",
    // Bulgaria; Croatia, and Spain until 2000
    "LLDDDDLL",
    // Czechia
    "DLDDDDD", "DLLDDDD",
    // Denmark
    "LLDDDDD",
    // Estonia
    "DDDLLL",
    // Finland, with short ones
    "LLLDD", "LLLD",
    // France; before 2009
    "DDDLLDD", "DDDDLLDD", "DDDLLLDD",
    // Germany: one to three letters for the district, one or two more, one to four digits, eight in all
    "LLD", "LLDD", "LLDDD", "LLDDDD", "LLLDDDD", "LLLLD", "LLLLDD", "LLLLDDD", "LLLLDDDD", "LLLLLD", "LLLLLDD",
    "LLLLLDDD",
    // Ireland
    "DDDLD", "DDDLDD", "DDDLDDD", "DDDLDDDD", "DDDLDDDDD", "DDLDDD", "DDLDDDD", "DDLDDDDD", "DDLLDDDD", "DDLLDDD",
    "DDLLDDDDD",
    // Netherlands: one series after the other; Latvia, Luxembourg and Portugal are among them
    "DDDDLL", "DDLLDD", "LLDDLL", "DDLLLL", "DDLLLD", "DLLLDD", "LLLDDL", "LDDLLL", "DLLDDD", "DDDLLD",
    // Luxembourg's oldest
    "DDDD", "DDDDD",
    // Poland
    "LLDLDDD", "LLDLLDD", "LLLDDLL", "LLLDLDD", "LLLDDLD", "LLLDLLD", "LLLDDDDD", "LLLDDDDL", "LLLDDDLL",
    // Spain
    "DDDDLLL",
    // Rarer: short numbers of old series, and districts of Austria with the largest numbers
    "LDDD", "LDDDD", "LDDDDDLL", "DDDDDLL", "LLDDDLLL", "DLLDDDDD", "DDLLLDDD",
];
