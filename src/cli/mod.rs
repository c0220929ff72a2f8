//! The command line: one file a verb, one place that turns errors into words and exit codes.
//!
//! Owns arguments, prompts, terminal output and exit codes; the library below never prints. stdout is data, stderr is
//! progress and messages.

use std::ffi::OsString;
use std::process::ExitCode;

use clap::error::ContextKind;
use clap::{FromArgMatches, Parser, Subcommand};

mod audit;
mod boxes;
mod breach;
mod check;
mod custody;
mod demo;
#[cfg(feature = "onnx")]
mod detector;
mod examples;
mod expire;
mod export;
mod eyes;
mod gaps;
mod generate;
mod hardening;
mod holder;
mod impact;
mod ingest;
mod init;
mod inspect;
mod interrupt;
mod keeper;
mod labels;
mod ledger;
mod open;
mod overlay;
mod redact;
mod rehearse;
mod remedies;
mod search;
mod serve;
mod share_page;
mod simulate;
mod site;
mod slot;
mod target;
mod terminal;
mod trust;
mod unlock;
mod unpack;
mod video;

/// Finds plates and faces in photographs, replaces them by keyed pseudonyms, blanks the pixels, and seals every byte
/// before it touches a disk.
#[derive(Parser)]
#[command(name = "safelight", version, max_term_width = 100, propagate_version = true)]
pub struct Cli {
    #[command(subcommand)]
    verb: Verb,
    /// Print the result as JSON on stdout: one object, or for `inspect` one a line for each image
    #[arg(long, global = true)]
    json: bool,
    /// No progress and no summary, only errors
    #[arg(long, short, global = true)]
    quiet: bool,
}

#[derive(Subcommand)]
enum Verb {
    /// The whole story in one command, with an HTML report
    Demo(demo::Args),
    /// Make blanked copies of photographs: no key, no vault
    Redact(redact::Args),
    /// Blank pictures for other software, over HTTP
    Serve(serve::Args),
    /// Set up a keyring, a policy and a first site's pack by five questions
    Init(init::Args),
    /// Draw photographs of vehicles and travellers, with truth
    Simulate(simulate::Args),
    /// Make and show the custodian's keyring, and site packs
    Custody(custody::Args),
    /// Pseudonymise, blank and seal a folder of photographs
    Ingest(ingest::Args),
    /// Show what would be found and blanked
    Inspect(inspect::Args),
    /// Find captures of a plate
    Search(search::Args),
    /// Open records: their scenes, or their originals
    Open(open::Args),
    /// Make a copy for a partner, under pseudonyms of its own
    Export(export::Args),
    /// Verify a vault, with or without keys
    Check(check::Args),
    /// Destroy the keys that are due, and what nobody can open any more
    Expire(expire::Args),
    /// Verify and show who looked, when, and how much left
    Audit(audit::Args),
    /// Attack a stolen folder and report what it yields
    Breach(breach::Args),
    /// After a theft: what was taken, how many people it concerns, whom to tell
    Impact(impact::Args),
    /// Shell completions and man pages
    Generate(generate::Args),
}

/// How a verb that ran to its end ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Everything was done.
    Done,
    /// Done, but some images failed; they were named.
    SomeFailed,
}

/// Why a verb stopped, with the exit code's meaning.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stop {
    /// Exit code 2: the command line, a file or the configuration is wrong.
    Usage,
    /// Exit code 3: a key is wrong or an integrity check failed.
    Integrity,
    /// Exit code 130: interrupted by the user.
    Interrupted,
    /// Exit code 255: a fault of the program or the machine.
    Internal,
    /// Exit code 0: whoever reads stdout has seen enough, as `head` does.
    ReaderGone,
}

/// What went wrong and what to do about it.
#[derive(Debug)]
pub struct Failure {
    stop: Stop,
    problem: String,
    remedy: String,
}

impl Failure {
    /// A failure with its `problem` and `remedy`, each one sentence without a full stop at the end.
    pub fn new(stop: Stop, problem: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { stop, problem: problem.into(), remedy: remedy.into() }
    }

    /// Wrong command line, file or configuration.
    pub fn usage(problem: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self::new(Stop::Usage, problem, remedy)
    }

    /// A wrong key or a failed integrity check.
    pub fn integrity(problem: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self::new(Stop::Integrity, problem, remedy)
    }
}

/// What every verb is told beside its own arguments.
pub struct Context {
    /// Print one JSON object on stdout instead of text.
    pub json: bool,
    /// Nothing but errors on stderr.
    pub quiet: bool,
}

impl Context {
    /// Whether progress may be drawn: on a terminal only, and not with `--quiet`.
    pub fn shows_progress(&self) -> bool {
        !self.quiet && terminal::stderr_is_terminal()
    }
}

/// Runs the command line and returns the process's exit code.
pub fn main() -> ExitCode {
    // What a panic says may hold a part of an image or a plate: its place must do.
    std::panic::set_hook(Box::new(|panic| {
        let place = panic.location().map(|place| format!(" at {}:{}", place.file(), place.line())).unwrap_or_default();
        terminal::say(&format!("internal fault{place}"));
    }));
    let failure = |_| Failure::new(Stop::Internal, "the program broke down", "please report the place named above");
    let result = std::panic::catch_unwind(run).unwrap_or_else(|panic| Err(failure(panic)));
    match result {
        Ok(Outcome::Done) => ExitCode::SUCCESS,
        Ok(Outcome::SomeFailed) => ExitCode::from(1),
        Err(Failure { stop: Stop::ReaderGone, .. }) => ExitCode::SUCCESS,
        Err(Failure { stop, problem, remedy }) => {
            // The exit code still tells when stderr is closed.
            terminal::say(&format!("error: {problem}"));
            terminal::say(&format!("remedy: {remedy}"));
            ExitCode::from(match stop {
                Stop::Usage => 2,
                Stop::Integrity => 3,
                Stop::Interrupted => 130,
                Stop::Internal | Stop::ReaderGone => 255,
            })
        }
    }
}

fn parse(words: impl IntoIterator<Item = impl Into<OsString> + Clone>) -> Result<Cli, clap::Error> {
    let mut command = examples::command();
    let matches = command.try_get_matches_from_mut(words)?;
    Cli::from_arg_matches(&matches).map_err(|error| error.format(&mut command))
}

fn run() -> Result<Outcome, Failure> {
    let Cli { verb, json, quiet } = match parse(std::env::args_os()) {
        Ok(cli) => cli,
        // Arguments may be a folder's contents, which a shell put there (`safelight check *`): what is wrong with them is
        // said of their escaped form.
        Err(error) => {
            let safe = std::env::args_os().map(|arg| terminal::escaped(&arg.to_string_lossy()));
            let Err(said) = parse(safe) else {
                // Escaped, it would be right: the characters themselves are what is wrong.
                let which =
                    error.get(ContextKind::InvalidArg).map_or_else(|| "an argument".to_owned(), ToString::to_string);
                let why = std::error::Error::source(&error).map(|why| format!(": {why}")).unwrap_or_default();
                return Err(Failure::usage(
                    format!("{which} cannot be used{why}"),
                    "leave out what does not belong there",
                ));
            };
            said.exit()
        }
    };
    if let Err(error) = crate::simd::Isa::try_chosen() {
        return Err(Failure::usage(error.to_string(), "set it to one of these, or unset it"));
    }
    hardening::harden(&verb);
    interrupt::survive_long_files();
    let context = Context { json, quiet };
    match verb {
        Verb::Demo(args) => demo::run(args, &context),
        Verb::Redact(args) => redact::run(args, &context),
        Verb::Serve(args) => serve::run(args, &context),
        Verb::Init(args) => init::run(args, &context),
        Verb::Simulate(args) => simulate::run(args, &context),
        Verb::Custody(args) => custody::run(args, &context),
        Verb::Ingest(args) => ingest::run(args, &context),
        Verb::Inspect(args) => inspect::run(args, &context),
        Verb::Search(args) => search::run(args, &context),
        Verb::Open(args) => open::run(args, &context),
        Verb::Export(args) => export::run(args, &context),
        Verb::Check(args) => check::run(args, &context),
        Verb::Expire(args) => expire::run(args, &context),
        Verb::Audit(args) => audit::run(args, &context),
        Verb::Breach(args) => breach::run(args, &context),
        Verb::Impact(args) => impact::run(args, &context),
        Verb::Generate(args) => generate::run(args, &context),
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    #[test]
    fn arguments_do_not_contradict_each_other() {
        super::Cli::command().debug_assert();
    }

    /// Options of features that may not be built in.
    const OF_FEATURES: [&str; 9] = [
        "pkcs11",
        "token",
        "pin-file",
        "new-pkcs11",
        "new-token",
        "new-pin-file",
        "detector",
        "detector-classes",
        "detector-format",
    ];

    fn has(command: &clap::Command, option: &str) -> bool {
        let named = |arg: &clap::Arg| {
            arg.get_long() == Some(option) || arg.get_all_aliases().is_some_and(|all| all.contains(&option))
        };
        ["help", "version", "json", "quiet"].contains(&option)
            || OF_FEATURES.contains(&option)
            || command.get_arguments().any(named)
    }

    fn anywhere(command: &clap::Command, option: &str) -> bool {
        has(command, option) || command.get_subcommands().any(|below| anywhere(below, option))
    }

    fn options(text: &str) -> impl Iterator<Item = &str> {
        let of = |word: &str| !word.is_empty() && word.starts_with(|c: char| c.is_ascii_lowercase());
        text.split(|c: char| c.is_whitespace() || "`\"'(),;:{}[]=./|?".contains(c))
            .filter_map(|word| word.strip_prefix("--"))
            .filter(move |word| of(word))
    }

    /// What is wrong with a command as it is written in a text, if it is one of ours.
    fn fault_of(written: &str) -> Option<String> {
        let cli = super::Cli::command();
        let mut words = written.split_whitespace().peekable();
        let named = words.next_if_eq(&"safelight").is_some();
        let mut command = &cli;
        while let Some(below) = words.peek().and_then(|word| command.find_subcommand(word)) {
            command = below;
            words.next();
        }
        if command.get_name() == cli.get_name() {
            let verb = words.next().filter(|word| word.starts_with(|c: char| c.is_ascii_lowercase()))?;
            return named.then(|| format!("`{written}`: no verb {verb:?}"));
        }
        let unknown = options(written).find(|option| !has(command, option));
        let wanted = command.has_subcommands().then(|| words.next()).flatten();
        let wanted = wanted.filter(|word| word.starts_with(|c: char| c.is_ascii_lowercase()));
        unknown
            .map(|option| format!("`{written}`: no option --{option}"))
            .or_else(|| wanted.map(|word| format!("`{written}`: no subcommand {word:?}")))
    }

    /// A remedy that names what does not exist helps nobody.
    #[test]
    fn every_command_and_option_that_is_named_exists() {
        let home = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
        let sources =
            walkdir::WalkDir::new(home.join("src")).into_iter().chain(walkdir::WalkDir::new(home.join("docs")));
        let documents = ["README.md", "SECURITY.md", "ARCHITECTURE.md"].map(|name| home.join(name));
        let sources = sources.map(|entry| entry.expect("a readable folder").into_path()).chain(documents);
        let mut faults = Vec::new();
        let (mut commands, mut named) = (0, 0);
        for path in sources.filter(|path| path.extension().is_some_and(|ext| ext == "rs" || ext == "md")) {
            let text = std::fs::read_to_string(&path).expect("text").replace("\\\n", " ");
            let at = path.strip_prefix(home).expect("below").display().to_string();
            for line in text.lines() {
                for written in line.split('`').skip(1).step_by(2) {
                    commands += usize::from(written.starts_with("safelight "));
                    faults.extend(fault_of(written).map(|fault| format!("{at}: {fault}")));
                }
                if at.starts_with("src/cli") && !line.trim_start().starts_with("//") {
                    for option in options(line) {
                        named += 1;
                        if !anywhere(&super::Cli::command(), option) {
                            faults.push(format!("{at}: no verb has --{option}"));
                        }
                    }
                }
            }
        }
        assert!(faults.is_empty(), "{}", faults.join("\n"));
        assert!(commands > 20 && named > 50, "{commands} commands and {named} options are looked at");
        assert!(
            fault_of(concat!("safelight custody slot add --", "second")).is_some()
                && fault_of("safelight mend it").is_some()
        );
    }
}
