//! Key slots in a token, with SoftHSM2 (Debian's `softhsm2`), through the command.
//!
//! The library is the one named by `SAFELIGHT_PKCS11_MODULE`, or where Debian puts it. Without one the test says so and
//! passes.

use std::ffi::OsStr;
use std::fs;
use std::path::PathBuf;
use std::process::{Command, Output};

fn module() -> Option<PathBuf> {
    if let Some(named) = std::env::var_os("SAFELIGHT_PKCS11_MODULE") {
        return Some(named.into());
    }
    let usual = ["/usr/lib/softhsm/libsofthsm2.so", "/usr/lib/x86_64-linux-gnu/softhsm/libsofthsm2.so"];
    let found = usual.into_iter().map(PathBuf::from).find(|path| path.exists());
    if found.is_none() {
        eprintln!("skipped: no SoftHSM2 is installed");
    }
    found
}

/// Tokens of their own, and a custodian, in one folder.
struct Workplace {
    folder: tempfile::TempDir,
    module: PathBuf,
}

impl Workplace {
    fn new(module: PathBuf) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        fs::create_dir(folder.path().join("tokens")).expect("a folder");
        let config = format!(
            "directories.tokendir = {}\nobjectstore.backend = file\nlog.level = ERROR\n",
            folder.path().join("tokens").display()
        );
        fs::write(folder.path().join("softhsm2.conf"), config).expect("written");
        fs::write(folder.path().join("passphrase"), "correct horse battery staple").expect("written");
        fs::write(folder.path().join("pin"), "4321\n").expect("written");
        fs::write(folder.path().join("wrong-pin"), "1234\n").expect("written");
        Self { folder, module }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn command(&self, program: impl AsRef<OsStr>) -> Command {
        let mut command = Command::new(program);
        command.env("SOFTHSM2_CONF", self.path("softhsm2.conf")).current_dir(self.folder.path());
        command
    }

    fn token(&self, label: &str) {
        let args = ["--init-token", "--free", "--label", label, "--pin", "4321", "--so-pin", "87654321"];
        let made = self.command("softhsm2-util").args(args).output().expect("softhsm2-util runs");
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    }

    /// Runs `safelight custody …` and gives the exit code and what it said.
    fn custody(&self, args: &str) -> (i32, String) {
        let module = self.module.to_str().expect("text");
        let args = args.replace("MODULE", module).replace("KEYS", "--custody keys");
        let output: Output = self
            .command(env!("CARGO_BIN_EXE_safelight"))
            .arg("custody")
            .args(args.split(' '))
            .output()
            .expect("safelight runs");
        let said = [output.stdout, output.stderr].concat();
        (output.status.code().expect("an exit code"), String::from_utf8(said).expect("text"))
    }

    fn done(&self, args: &str) -> String {
        let (code, said) = self.custody(args);
        assert_eq!(code, 0, "{args}: {said}");
        said
    }
}

const WITH_TOKEN: &str = "--pkcs11 MODULE --token agency --pin-file pin";

#[test]
fn a_token_opens_the_keyring() {
    let Some(module) = module() else { return };
    let place = Workplace::new(module);
    place.token("agency");
    place.token("other");
    place.done("init KEYS --passphrase-file passphrase");
    let add = "slot add KEYS --passphrase-file passphrase --label vault-room --new-pkcs11 MODULE";
    let (code, said) = place.custody(&format!("{add} --new-pin-file pin"));
    assert_eq!(code, 2, "which of two tokens? {said}");
    assert!(said.contains("agency") && said.contains("other"), "{said}");
    let (code, said) = place.custody(&format!("{add} --new-token agency --new-pin-file wrong-pin"));
    assert_eq!(code, 3, "{said}");
    let added = place.done(&format!("{add} --new-token agency --new-pin-file pin"));
    assert!(added.contains("token"), "{added}");

    place.done(&format!("show KEYS {WITH_TOKEN}"));
    let drill = place.done(&format!("rehearse KEYS {WITH_TOKEN}"));
    assert!(drill.contains("vault-room") && drill.contains("would open the keyring"), "{drill}");
    let (code, said) = place.custody("show KEYS --pkcs11 MODULE --token agency --pin-file wrong-pin");
    assert_eq!(code, 3, "{said}");
    let (code, said) = place.custody("show KEYS --pkcs11 MODULE --token other --pin-file pin");
    assert_eq!(code, 3, "{said}");

    // The passphrase's slot goes: the keyring has a fresh key, for which the token was not asked.
    let listed = place.done("slot list KEYS");
    let line = listed.lines().find(|line| line.contains("passphrase")).expect("the first slot");
    let first = line.split_whitespace().next().expect("an id");
    place.done(&format!("slot remove {first} KEYS --passphrase-file passphrase"));
    assert_eq!(place.custody("show KEYS --passphrase-file passphrase").0, 3);
    place.done(&format!("show KEYS {WITH_TOKEN}"));

    // With the token gone, the keyring is shut.
    fs::remove_dir_all(place.path("tokens")).expect("removed");
    fs::create_dir(place.path("tokens")).expect("a folder");
    place.token("agency");
    assert_eq!(place.custody(&format!("show KEYS {WITH_TOKEN}")).0, 3, "a token of the same name is not the same");
}
