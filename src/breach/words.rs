//! Figures of an attack in words: one line each, and numbers as people read them.

use std::fmt;

use super::evidence::{Dictionary, Evidence, KeyUse};
use super::known::SecretKind;
use crate::words::{count as counted, grouped};

impl Dictionary {
    /// How far the attack came, in words.
    pub fn extent(&self) -> String {
        if self.finished {
            return format!("{}, none left to make", counted(self.candidates, "try"));
        }
        let share = self.candidates as f64 / self.planned.max(1) as f64 * 100.0;
        format!("stopped after {} of {} ({share:.1} %)", grouped(self.candidates), counted(self.planned, "candidate"))
    }
}

impl KeyUse {
    /// What was found, and how far it was tried, in words.
    pub fn found(&self) -> String {
        let mut found = Vec::new();
        if self.private_keys > 0 {
            found.push(counted(self.private_keys, "private key"));
        }
        if self.keyrings > 0 {
            let second = if self.second_opened > 0 { ", for two holders," } else { "" };
            found.push(format!(
                "{} of {}{second} opened after {} of {} that lay there",
                grouped(self.keyrings_opened),
                counted(self.keyrings, "keyring"),
                grouped(self.guesses),
                counted(self.passphrases, "possible passphrase"),
            ));
        }
        if self.packs > 0 {
            let tried = if self.targets == 0 {
                "nothing to compare its pseudonyms with".to_owned()
            } else {
                format!(
                    "{} of {} possible plates against {}",
                    grouped(self.tried),
                    grouped(self.space),
                    counted(self.targets, "pseudonym")
                )
            };
            let guarded = match self.guarded {
                0 => String::new(),
                n => {
                    format!("; {} that take both holders are not tried here, as a thief would", counted(n, "pseudonym"))
                }
            };
            found.push(format!("{} ({tried}{guarded})", counted(self.packs, "site pack")));
        }
        found.join(", ")
    }

    /// What was opened, in words; empty when nothing was.
    pub fn yields(&self) -> String {
        let all = [
            (self.captures, "record"),
            (self.scenes, "redacted picture"),
            (self.originals, "original"),
            (self.plates, "plate"),
            (self.enumerated, "enumerated plate"),
        ];
        let said: Vec<String> = all.into_iter().filter(|(n, _)| *n > 0).map(|(n, what)| counted(n, what)).collect();
        said.join(", ")
    }
}

impl fmt::Display for Evidence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Pictures(p) => write!(
                f,
                "{} and {} decode, of {} (chance: {})",
                counted(p.decoded, "picture"),
                counted(p.embedded, "thumbnail"),
                counted(p.signatures, "signature"),
                approx(p.by_chance)
            ),
            Self::Metadata(m) => write!(
                f,
                "{}, {}, {}, {}",
                counted(m.blocks, "block"),
                counted(m.times, "time"),
                counted(m.positions, "GPS position"),
                counted(m.thumbnails, "thumbnail")
            ),
            Self::Text(t) => {
                let plates = Some(t.plates).filter(|&plates| plates > 0);
                let plates = plates.map(|plates| format!("{} in clear, ", counted(plates, "plate")));
                write!(
                    f,
                    "{}{}, {}, {} (by chance: {})",
                    plates.unwrap_or_default(),
                    counted(t.runs, "readable run"),
                    counted(t.rows, "table row"),
                    counted(t.json, "JSON value"),
                    approx(t.by_chance)
                )
            }
            Self::Known(k) if k.searched == 0 && k.kind == SecretKind::Pseudonym => {
                f.write_str("no site pack, or no truth whose plates to search for")
            }
            Self::Known(k) if k.searched == 0 => f.write_str("no truth to search for"),
            Self::Known(k) => write!(
                f,
                "{} of {} found (decoys: {} of {}; by chance: {}, p = {})",
                grouped(k.found),
                grouped(k.searched),
                grouped(k.decoys_found),
                grouped(k.decoys),
                approx(k.by_chance),
                approx(k.p)
            ),
            Self::Dictionary(d) if d.hash_likes == 0 => f.write_str("nothing looks like a hash"),
            Self::Dictionary(d) => write!(
                f,
                "{} of {} cracked{}, {}",
                grouped(d.recovered),
                counted(d.hash_likes, "hash-like value"),
                d.algorithm.map_or(String::new(), |a| format!(" as {}", a.name())),
                d.extent()
            ),
            Self::Keys(k) if k.is_idle() => f.write_str("no private key, keyring or site pack lies there"),
            Self::Keys(k) => {
                let (yields, found) = (k.yields(), k.found());
                let yields = if yields.is_empty() { "opened nothing" } else { &yields };
                write!(f, "{found}: {yields}")
            }
            Self::Seen(s) if s.pictures == 0 => f.write_str("no picture comes out to look at"),
            Self::Seen(s) => write!(
                f,
                "{} read and {} found on {} of {}",
                counted(s.plates, "plate"),
                counted(s.faces, "face"),
                grouped(s.looked_at),
                counted(s.pictures, "picture")
            ),
            Self::Randomness(r) => write!(
                f,
                "{:.4} bits a byte, {} of {} are not random (p = {}), {}",
                r.entropy,
                grouped(r.structured),
                counted(r.tests, "test"),
                approx(r.p),
                counted(r.repeated_blocks, "repeated block")
            ),
            Self::Game(g) if g.tried == 0 => f.write_str(&g.about),
            Self::Game(g) => write!(
                f,
                "{} of {} (chance: {:.0} %, p = {}): {}",
                grouped(g.won),
                grouped(g.tried),
                g.chance * 100.0,
                approx(g.p),
                g.about
            ),
        }
    }
}

/// Two significant digits, with a power of ten where that is shorter.
pub fn approx(x: f64) -> String {
    if x == 0.0 {
        "0".to_owned()
    } else if x < 1e-300 {
        "< 10⁻³⁰⁰".to_owned()
    } else if !(1e-2..1e6).contains(&x) {
        let exponent = x.log10().floor();
        let digits: String = format!("{exponent}").chars().map(superscript).collect();
        format!("{:.1}×10{digits}", x / 10f64.powf(exponent))
    } else if x >= 10.0 {
        grouped(x.round() as u64)
    } else {
        format!("{x:.2}").trim_end_matches('0').trim_end_matches('.').to_owned()
    }
}

fn superscript(c: char) -> char {
    match c {
        '-' => '⁻',
        '1' => '¹',
        '2' => '²',
        '3' => '³',
        c => c.to_digit(10).and_then(|d| char::from_u32(0x2070 + d)).unwrap_or(c),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_read_well() {
        assert_eq!(grouped(1_234_567), "1,234,567");
        assert_eq!(counted(1, "picture"), "1 picture");
        assert_eq!(approx(0.0), "0");
        assert_eq!(approx(0.5), "0.5");
        assert_eq!(approx(1.0), "1");
        assert_eq!(approx(4.2e-9), "4.2×10⁻⁹");
        assert_eq!(approx(12_345.6), "12,346");
    }
}
