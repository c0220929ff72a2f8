//! A policy as people write it: a TOML file, read strictly, and written back in the same form.

use std::fmt::Write as _;

use serde::Deserialize;

use super::policy::{ClassPolicy, Egress, EpochLength, Policy, PurposeBudget, Retention};
use super::purpose::fold_purpose;
use crate::capture::Effort;

/// Each class costs a pack about four kilobytes for every month of its term.
const MAX_CLASSES: usize = 64;
/// In characters.
const MAX_NAME: usize = 40;

/// A policy file cannot be used. Every variant names the field.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PolicyError {
    /// It is not TOML, or has a field of another name or type than a policy has.
    #[error("the policy cannot be read: {message}")]
    Syntax {
        /// Line, column and what was expected there.
        message: String,
    },
    /// There is no `[[class]]`.
    #[error("the policy has no class")]
    NoClass,
    /// There are too many.
    #[error("the policy has more than {MAX_CLASSES} classes")]
    TooManyClasses,
    /// A name is empty, too long, or cannot be shown.
    #[error("{field}: {name:?} is no name")]
    Name {
        /// Which field.
        field: &'static str,
        /// Its value.
        name: String,
    },
    /// Two classes or purposes have the same name.
    #[error("{field}: {name:?} is there twice")]
    Twice {
        /// Which field.
        field: &'static str,
        /// Its value.
        name: String,
    },
    /// The default class is not one of the classes.
    #[error("default_class: there is no class {name:?}")]
    UnknownDefault {
        /// What it says.
        name: String,
    },
    /// A term is none.
    #[error("class {class:?}: {field}: {text:?} is no term")]
    Term {
        /// The class.
        class: String,
        /// `catalogue`, `scene` or `identity`.
        field: &'static str,
        /// Its value.
        text: String,
    },
    /// A class keeps something longer than what it cannot be used without.
    #[error("class {class:?}: {field} is kept for {term}, longer than {beyond} ({limit})")]
    Outlives {
        /// The class.
        class: String,
        /// What is kept too long.
        field: &'static str,
        /// For how long.
        term: Retention,
        /// What goes before.
        beyond: &'static str,
        /// When.
        limit: Retention,
    },
    /// The epoch's length is none of the four.
    #[error("epoch: {text:?} is no length")]
    Epoch {
        /// Its value.
        text: String,
    },
    /// The term of the audit log's details is none.
    #[error("details_kept: {text:?} is no term")]
    DetailsKept {
        /// Its value.
        text: String,
    },
    /// The least effort is none of the three.
    #[error("effort: {text:?} is none: fast, normal or thorough is wanted")]
    Effort {
        /// Its value.
        text: String,
    },
    /// Two purposes are one, since letters and digits tell purposes apart and nothing else does.
    #[error("egress: the purposes {one:?} and {other:?} are one: letters and digits alone tell purposes apart")]
    SamePurpose {
        /// The first.
        one: String,
        /// The second.
        other: String,
    },
    /// A purpose has more than all purposes together.
    #[error("egress: purpose {purpose:?} has more records a day than all purposes together")]
    Budget {
        /// The purpose.
        purpose: String,
    },
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    default_class: String,
    epoch: Option<String>,
    #[serde(default)]
    dual_control: bool,
    details_kept: Option<String>,
    effort: Option<String>,
    #[serde(default)]
    class: Vec<Class>,
    egress: Option<EgressTable>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Class {
    name: String,
    scene: String,
    catalogue: Option<String>,
    identity: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct EgressTable {
    records_per_day: u64,
    listed_per_day: Option<u64>,
    #[serde(default)]
    purpose: Vec<Purpose>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Purpose {
    name: String,
    records_per_day: u64,
}

impl Policy {
    /// Reads a policy file. What it leaves out of a class is the default: `catalogue` as long as `scene`, `identity` 30
    /// days; an epoch is a month.
    pub fn from_toml(text: &str) -> Result<Self, PolicyError> {
        let file: File = toml::from_str(text).map_err(|error| PolicyError::Syntax { message: told(&error, text) })?;
        let epoch = match file.epoch {
            None => EpochLength::Month,
            Some(text) => {
                EpochLength::ALL.into_iter().find(|epoch| epoch.name() == text).ok_or(PolicyError::Epoch { text })?
            }
        };
        let classes = file.class.into_iter().map(Class::read).collect::<Result<Vec<_>, _>>()?;
        let egress = file.egress.map(|egress| Egress {
            records_per_day: egress.records_per_day,
            listed_per_day: egress.listed_per_day,
            purposes: egress
                .purpose
                .into_iter()
                .map(|Purpose { name, records_per_day }| PurposeBudget { name, records_per_day })
                .collect(),
        });
        let kept = |text: String| text.parse().map_err(|_| PolicyError::DetailsKept { text });
        let details_kept = file.details_kept.map(kept).transpose()?;
        let named = |text: String| Effort::named(&text).ok_or(PolicyError::Effort { text });
        let effort = file.effort.map(named).transpose()?;
        let (default_class, dual_control) = (file.default_class, file.dual_control);
        let policy = Self { classes, default_class, epoch, dual_control, egress, details_kept, effort };
        policy.check()?;
        Ok(policy)
    }

    /// The policy as a file that [`Self::from_toml`] reads.
    pub fn to_toml(&self) -> String {
        let mut text = format!(
            "# A capture that names no class gets this one.\n\
             default_class = {}\n\
             # For how long a plate keeps its pseudonym, and a site its pack: day, week, month or never.\n\
             epoch = \"{}\"\n\
             # Whether identities are opened, and plates searched, with two slots only.\n\
             dual_control = {}\n\
             # For how long the audit log can say who looked for what and why, at least.\n\
             details_kept = \"{}\"\n\
             # How hard sites look at photographs, at least: fast, normal or thorough.\n\
             effort = \"{}\"\n",
            quoted(&self.default_class),
            self.epoch.name(),
            self.dual_control,
            self.details_kept(),
            self.effort().name(),
        );
        for class in &self.classes {
            let ClassPolicy { name, catalogue, scene, identity } = class;
            let _ = write!(
                text,
                "\n[[class]]\nname = {}\ncatalogue = \"{catalogue}\"\nscene = \"{scene}\"\nidentity = \"{identity}\"\n",
                quoted(name),
            );
        }
        if let Some(egress) = &self.egress {
            let _ = write!(
                text,
                "\n# Records that may be opened or exported on one day, for all purposes together.\n\
                 [egress]\nrecords_per_day = {}\n\
                 # And that searches may show.\nlisted_per_day = {}\n",
                egress.records_per_day,
                egress.listed_per_day()
            );
            for PurposeBudget { name, records_per_day } in &egress.purposes {
                let _ = write!(
                    text,
                    "\n[[egress.purpose]]\nname = {}\nrecords_per_day = {records_per_day}\n",
                    quoted(name)
                );
            }
        }
        text
    }

    /// Whether its parts fit each other.
    pub fn check(&self) -> Result<(), PolicyError> {
        match self.classes.len() {
            0 => return Err(PolicyError::NoClass),
            1..=MAX_CLASSES => {}
            _ => return Err(PolicyError::TooManyClasses),
        }
        check_names("class: name", self.classes.iter().map(|class| class.name.as_str()))?;
        self.classes.iter().try_for_each(check_order)?;
        if self.class(None).is_none() {
            return Err(PolicyError::UnknownDefault { name: self.default_class.clone() });
        }
        let Some(egress) = &self.egress else { return Ok(()) };
        check_names("egress: purpose: name", egress.purposes.iter().map(|purpose| purpose.name.as_str()))?;
        let mut folded = std::collections::HashMap::new();
        for PurposeBudget { name, .. } in &egress.purposes {
            let field = "egress: purpose: name";
            let text = fold_purpose(name).map_err(|_| PolicyError::Name { field, name: name.clone() })?;
            if text.is_empty() {
                return Err(PolicyError::Name { field, name: name.clone() });
            }
            if let Some(before) = folded.insert(text, name) {
                return Err(PolicyError::SamePurpose { one: before.clone(), other: name.clone() });
            }
        }
        match egress.purposes.iter().find(|purpose| purpose.records_per_day > egress.records_per_day) {
            Some(purpose) => Err(PolicyError::Budget { purpose: purpose.name.clone() }),
            None => Ok(()),
        }
    }
}

impl Class {
    fn read(self) -> Result<ClassPolicy, PolicyError> {
        let Self { name, scene, catalogue, identity } = self;
        let term = |field, text: String| {
            text.parse::<Retention>().map_err(|_| PolicyError::Term { class: name.clone(), field, text })
        };
        let scene = term("scene", scene)?;
        let catalogue = catalogue.map_or(Ok(scene), |text| term("catalogue", text))?;
        let identity = match identity {
            Some(text) => term("identity", text)?,
            None => Retention::Days(30),
        };
        Ok(ClassPolicy { name, catalogue, scene, identity })
    }
}

/// Search finds by the catalogue, and an original takes its scene.
fn check_order(class: &ClassPolicy) -> Result<(), PolicyError> {
    let ClassPolicy { name, catalogue, scene, identity } = class;
    let outlives = [("scene", scene, "catalogue", catalogue), ("identity", identity, "scene", scene)]
        .into_iter()
        .find(|(_, term, _, limit)| term.approximate_days() > limit.approximate_days());
    match outlives {
        Some((field, &term, beyond, &limit)) => {
            Err(PolicyError::Outlives { class: name.clone(), field, term, beyond, limit })
        }
        None => Ok(()),
    }
}

fn check_names<'a>(field: &'static str, names: impl Iterator<Item = &'a str> + Clone) -> Result<(), PolicyError> {
    for (at, name) in names.clone().enumerate() {
        let unfit = name.trim() != name || name.is_empty() || name.chars().any(char::is_control);
        if unfit || name.chars().count() > MAX_NAME {
            return Err(PolicyError::Name { field, name: name.to_owned() });
        }
        if names.clone().take(at).any(|before| before == name) {
            return Err(PolicyError::Twice { field, name: name.to_owned() });
        }
    }
    Ok(())
}

/// The parser's complaint on one line, with its place.
fn told(error: &toml::de::Error, text: &str) -> String {
    let message = error.message().replace('\n', ", ");
    let Some(before) = error.span().and_then(|span| text.get(..span.start)) else { return message };
    let line = before.matches('\n').count() + 1;
    format!("line {line}: {message}")
}

/// A TOML string; names hold no control characters.
fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('\\', "\\\\").replace('"', "\\\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SMALL: &str = "default_class = \"all\"\n[[class]]\nname = \"all\"\nscene = \"1 year\"\n";

    fn refused(text: &str) -> String {
        Policy::from_toml(text).expect_err("refused").to_string()
    }

    #[test]
    fn what_is_written_is_read() {
        let egress = Egress {
            records_per_day: 500,
            purposes: vec![PurposeBudget { name: "a \"case\" \\ file".to_owned(), records_per_day: 20 }],
            listed_per_day: Some(2),
        };
        let details_kept = Some(Retention::Years(7));
        let full = Policy {
            epoch: EpochLength::Week,
            dual_control: true,
            egress: Some(egress),
            details_kept,
            effort: Some(Effort::Thorough),
            ..Policy::default()
        };
        let default =
            Policy { details_kept: Some(Retention::Years(1)), effort: Some(Effort::Fast), ..Policy::default() };
        for policy in [default, full] {
            assert_eq!(Policy::from_toml(&policy.to_toml()).expect("its own words"), policy);
        }
    }

    #[test]
    fn what_is_left_out_has_a_default() {
        let policy = Policy::from_toml(SMALL).expect("read");
        let class = policy.class(None).expect("the default class");
        assert_eq!((class.catalogue, class.scene), (Retention::Years(1), Retention::Years(1)));
        assert_eq!(class.identity, Retention::Days(30));
        assert_eq!((policy.epoch, policy.dual_control, policy.egress), (EpochLength::Month, false, None));
    }

    #[test]
    fn mistakes_are_named_with_their_field() {
        assert!(refused("default_class = \"all\"").contains("no class"));
        assert!(
            refused(&SMALL.replace("\"all\"\n[", "\"any\"\n[")).contains("default_class: there is no class \"any\"")
        );
        assert!(
            refused(&SMALL.replace("scene", "scenes")).starts_with("the policy cannot be read: line 4: unknown field")
        );
        assert!(refused(&SMALL.replace("1 year", "a year")).contains("class \"all\": scene: \"a year\""));
        assert!(refused(&SMALL.replace("1 year", "0 years")).contains("scene"));
        assert!(refused(&format!("{SMALL}identity = \"2 years\"\n")).contains("identity is kept for 2 years"));
        assert!(refused(&format!("{SMALL}catalogue = \"3 months\"\n")).contains("scene is kept for 1 year"));
        assert!(refused(&format!("epoch = \"hour\"\n{SMALL}")).contains("epoch: \"hour\""));
        assert!(
            refused(&format!("{SMALL}{}", SMALL.split_once('\n').expect("lines").1)).contains("\"all\" is there twice")
        );
        assert!(refused(&SMALL.replace("\"all\"", "\" \"")).contains("is no name"));
        let egress = "[egress]\nrecords_per_day = 5\n[[egress.purpose]]\nname = \"p\"\nrecords_per_day = 6\n";
        assert!(refused(&format!("{SMALL}{egress}")).contains("purpose \"p\""));
        let twice = egress.replace("= 6", "= 5") + "[[egress.purpose]]\nname = \"Ｐ\"\nrecords_per_day = 5\n";
        assert!(refused(&format!("{SMALL}{twice}")).contains("the purposes \"p\" and \"Ｐ\" are one"));
        assert!(
            refused(&format!("{SMALL}{}", twice.replace('Ｐ', "(p.)")))
                .contains("the purposes \"p\" and \"(p.)\" are one")
        );
        assert!(refused(&format!("{SMALL}{}", twice.replace('Ｐ', "--"))).contains("is no name"));
        assert!(refused(&format!("{SMALL}{}", twice.replace('Ｐ', "a\u{200b}"))).contains("is no name"));
        assert!(refused(&format!("details_kept = \"ever\"\n{SMALL}")).contains("details_kept: \"ever\""));
        assert!(refused("default_class = ").contains("line 1"));
    }
}
