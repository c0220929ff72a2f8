//! What each verb's help leads with: the command that most people want.
//!
//! Owns the examples and their place, and that nothing of it is wider than a terminal. Each is parsed in a test, so that none speaks of an option that is not there.

use clap::{Command, CommandFactory};

use super::Cli;

/// By verb: commands, each with a remark or none.
const EXAMPLES: &[(&str, &[(&str, &str)])] = &[
    ("", &[("safelight redact photos -o out", "blanked copies of a folder"), ("safelight demo", "the whole story")]),
    ("demo", &[("safelight demo", "")]),
    (
        "redact",
        &[
            ("safelight redact photos -o out", "a folder: same tree and names"),
            ("safelight redact car.jpg -o car-blank.jpg", "one photograph"),
            ("safelight redact - -o - < in.jpg > out.jpg", "from stdin to stdout"),
            ("safelight redact ride.avi -o ride-blank.avi", "Motion JPEG, with its sound"),
            ("safelight redact clips -o out --via ffmpeg", "MP4 and others, by ffmpeg"),
        ],
    ),
    (
        "serve",
        &[
            ("safelight serve", "with a page at /"),
            ("curl -F a=@in.jpg localhost:8080/redact -o out.jpg", "one picture"),
        ],
    ),
    (
        "init",
        &[
            ("safelight init", "asks five questions"),
            ("safelight init --custody keys --originals \"7 days\"", "asks the rest"),
        ],
    ),
    (
        "simulate",
        &[
            ("safelight simulate --out photos -n 500", "photographs with truth"),
            ("safelight simulate --out film --video 300", "a film"),
        ],
    ),
    ("custody init", &[("safelight custody init --custody C", "")]),
    (
        "custody policy",
        &[
            ("safelight custody policy --custody C > policy.toml", "what is in force"),
            ("safelight custody policy --custody C --set policy.toml", "another one"),
        ],
    ),
    ("custody pack", &[("safelight custody pack --custody C --site gate-1 -o gate-1.pack", "")]),
    ("custody rotate", &[("safelight custody rotate --custody C --site gate-1", "")]),
    ("custody show", &[("safelight custody show --custody C", "")]),
    ("custody slot list", &[("safelight custody slot list --custody C", "")]),
    (
        "custody slot add",
        &[
            ("safelight custody slot add --custody C --label deputy", "passphrase"),
            ("safelight custody slot add --custody C --shares 2/3 --label board", "shares"),
        ],
    ),
    ("custody slot remove", &[("safelight custody slot remove --custody C 2", "")]),
    ("custody rehearse", &[("safelight custody rehearse --custody C --share a.txt --share -", "")]),
    ("custody recipient", &[("safelight custody recipient -o partner.key", "")]),
    ("ingest", &[("safelight ingest photos --vault V --pack gate-1.pack", "")]),
    (
        "inspect",
        &[
            ("safelight inspect photos", "a table"),
            ("safelight inspect photos --format overlay --out seen", "pictures with frames"),
        ],
    ),
    ("search", &[("safelight search --vault V --custody C --plate \"ABC 1234\"", "")]),
    (
        "open",
        &[
            ("safelight open 3CQ9… --vault V --custody C -o scene.jpg", "one scene"),
            ("safelight open 3CQ9… 7B0F… --vault V --custody C -o pictures", "several"),
            ("safelight open --all --vault copy --key partner.key -o pictures", "all"),
        ],
    ),
    ("export", &[("safelight export --vault V --custody C --to pub --view scene --purpose p -o X", "")]),
    ("check", &[("safelight check --vault V --custody C", "")]),
    ("expire", &[("safelight expire --vault V --custody C --dry-run", "")]),
    ("audit verify", &[("safelight audit verify --custody C --since last-month.checkpoint", "")]),
    ("audit checkpoint", &[("safelight audit checkpoint --custody C -o november.checkpoint", "")]),
    ("audit key", &[("safelight audit key --custody C > audit.key", "")]),
    ("audit show", &[("safelight audit show --custody C", "")]),
    ("audit forget", &[("safelight audit forget --custody C --before 2026-11", "")]),
    (
        "breach",
        &[
            ("safelight breach stolen", "any folder"),
            ("safelight breach vault copies --truth photos/truth.jsonl", "the whole suite"),
        ],
    ),
    ("impact", &[("safelight impact recovered-disk --custody C --vault V", "")]),
    ("generate completions", &[("safelight generate completions bash > safelight.bash", "")]),
    ("generate man", &[("safelight generate man --out /usr/local/share/man/man1", "")]),
];

/// The command line's definition, whose help shows examples behind what a verb is, before all that it can be told.
pub(super) fn command() -> Command {
    let mut command = with_examples(Cli::command(), "");
    command.build();
    with_short_usage(command)
}

/// The examples of the verb of this name, such as `custody pack`.
pub(super) fn of(verb: &str) -> Option<String> {
    EXAMPLES.iter().find(|(known, _)| *known == verb).map(|(_, examples)| shown(examples))
}

fn with_examples(mut command: Command, path: &str) -> Command {
    let names: Vec<String> = command.get_subcommands().map(|inner| inner.get_name().to_owned()).collect();
    for name in names {
        let inner = format!("{path} {name}");
        command = command.mut_subcommand(name, |verb| with_examples(verb, inner.trim()));
    }
    let Some(examples) = of(path) else { return command };
    let heading = if examples.contains('\n') { "Examples:" } else { "Example:" };
    command
        .before_help(format!("{heading}\n{examples}"))
        .help_template("{about-with-newline}\n{before-help}{usage-heading} {usage}\n\n{all-args}{after-help}")
}

/// Usage in lines of 80 characters: only other texts are broken by `clap`.
fn with_short_usage(mut command: Command) -> Command {
    const WIDE: usize = 80;
    const HEADING: &str = "Usage: ";
    let names: Vec<String> = command.get_subcommands().map(|inner| inner.get_name().to_owned()).collect();
    for name in names {
        command = command.mut_subcommand(name, with_short_usage);
    }
    let usage = command.render_usage().to_string();
    let usage = usage.strip_prefix(HEADING).unwrap_or(&usage);
    if HEADING.len() + usage.chars().count() <= WIDE {
        return command;
    }
    let mut lines = vec![String::new()];
    // An option stays with its value.
    for word in usage
        .replace("> <", ">\n<")
        .replace("> [", ">\n[")
        .replace("> --", ">\n--")
        .replace("] --", "]\n--")
        .split('\n')
    {
        let last = lines.last().map_or(0, |line| line.chars().count());
        if last > 0 && HEADING.len() + last + 1 + word.chars().count() > WIDE {
            lines.push(format!("  {word}"));
        } else if let Some(line) = lines.last_mut() {
            line.push_str(if last > 0 { " " } else { "" });
            line.push_str(word);
        }
    }
    command.override_usage(lines.join(&format!("\n{}", " ".repeat(HEADING.len()))))
}

fn shown(examples: &[(&str, &str)]) -> String {
    let width = examples.iter().map(|(command, _)| command.len()).max().unwrap_or(0);
    let lines = examples.iter().map(|(command, remark)| format!("  {command:width$}  {remark}").trim_end().to_owned());
    lines.collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    /// Verbs of one's own that are seen and do something.
    fn verbs(command: &Command, path: &str, found: &mut Vec<String>) {
        for inner in command.get_subcommands().filter(|inner| inner.get_name() != "help") {
            verbs(inner, &format!("{path} {}", inner.get_name()), found);
        }
        if !command.has_subcommands() {
            found.push(path.trim().to_owned());
        }
    }

    #[test]
    fn every_verb_has_an_example_and_every_example_a_verb() {
        let mut found = vec![String::new()];
        verbs(&command(), "", &mut found);
        for verb in &found {
            assert!(EXAMPLES.iter().any(|(known, _)| known == verb), "{verb:?} has no example");
        }
        for (known, _) in EXAMPLES {
            assert!(found.iter().any(|verb| verb == known), "{known:?} is no verb");
        }
    }

    #[test]
    fn every_example_is_understood_and_fits_into_eighty_columns() {
        let mut wrong = Vec::new();
        for (verb, examples) in EXAMPLES {
            wrong.extend(shown(examples).lines().filter(|line| line.chars().count() > 80).map(str::to_owned));
            for (example, _) in examples.iter().filter(|(example, _)| example.starts_with("safelight ")) {
                let command = example.split(" < ").next().and_then(|command| command.split(" > ").next());
                let words = words(command.unwrap_or_default());
                assert!(words.join(" ").starts_with(format!("safelight {verb}").trim()), "{example}");
                wrong.extend(Cli::try_parse_from(&words).err().map(|error| format!("{example}: {error}")));
            }
        }
        assert!(wrong.is_empty(), "{wrong:#?}");
    }

    /// As a shell tells them apart: by blanks that are not between quotes.
    fn words(command: &str) -> Vec<String> {
        let mut words = Vec::new();
        for (number, part) in command.split('"').enumerate() {
            match number % 2 {
                0 => words.extend(part.split_whitespace().map(str::to_owned)),
                _ => words.push(part.to_owned()),
            }
        }
        words
    }
}
