//! An ingest that is interrupted, or killed: what it took is sealed, and the next one goes on.

use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

use super::*;

const IMAGES: u32 = 120;

fn busy_site() -> Site {
    let site = Site::new();
    let picture = jpeg(&picture(1280, 720, 0));
    for number in 0..IMAGES {
        site.put(&format!("{number:03}.jpg"), &[picture.as_slice(), &number.to_le_bytes()].concat());
    }
    site
}

fn start(site: &Site, args: &[&str]) -> Child {
    let mut command = site.command();
    command.args(["--jobs", "1"]).args(args).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("the command starts");
    // Not before it has begun: until then there is nothing to interrupt.
    while !site.custodian.vault().join("journals").is_dir() && child.try_wait().expect("its state").is_none() {
        thread::sleep(Duration::from_millis(2));
    }
    child
}

fn signal(child: &Child, name: &str) {
    let status = Command::new("kill").args([name, &child.id().to_string()]).status().expect("kill runs");
    assert!(status.success());
}

#[test]
fn an_interrupt_commits_what_was_taken_and_a_second_run_goes_on() {
    // What is started under `nohup` goes on without its terminal, and so does what this test starts.
    let status = fs::read_to_string("/proc/self/status").expect("this process's state");
    let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:\t")).expect("signals");
    let without_hup = u64::from_str_radix(ignored, 16).expect("a mask") & 1 == 1;
    for name in ["-INT", "-TERM", "-HUP"].into_iter().take(if without_hup { 2 } else { 3 }) {
        let site = busy_site();
        let child = start(&site, &[]);
        thread::sleep(Duration::from_millis(60));
        signal(&child, name);
        let run = Ended::of(child.wait_with_output().expect("it ends"));
        run.failed(130, "interrupted", "run the same command again");
        let before = run.number("sealed");
        assert!(before < u64::from(IMAGES), "{run:?}");
        assert_eq!(site.opened().len() as u64, before);
        let rest = site.ingest(&[]);
        assert_eq!((rest.code, rest.number("sealed") + before), (Some(0), u64::from(IMAGES)));
        assert_eq!(rest.number("skipped"), before);
    }
}

/// Whatever a batch system or an administrator sends before it kills: what was taken is committed.
#[cfg(target_os = "linux")]
#[test]
fn every_signal_that_asks_to_end_commits_what_was_taken() {
    for name in ["-ALRM", "-USR1", "-USR2", "-XCPU"] {
        let site = busy_site();
        let child = start(&site, &[]);
        thread::sleep(Duration::from_millis(60));
        signal(&child, name);
        // The system says this one every second, until its hard limit.
        if name == "-XCPU" {
            signal(&child, name);
        }
        let run = Ended::of(child.wait_with_output().expect("it ends"));
        run.failed(130, "interrupted", "run the same command again");
        assert_eq!(site.opened().len() as u64, run.number("sealed"));
    }
}

/// What is committed before stays, as on a full disk, and the run says why it ends.
#[cfg(target_os = "linux")]
#[test]
fn a_limit_on_the_length_of_files_is_a_full_disk() {
    let site = Site::new();
    for number in 0..3 {
        site.put(&format!("{number}.jpg"), &photo(number));
    }
    let limited = |blocks: &str| {
        let ingest = site.command();
        let mut command = Command::new("sh");
        command.args(["-c", "ulimit -f \"$0\" && exec \"$@\"", blocks]).arg(ingest.get_program());
        command.args(ingest.get_args()).envs(ingest.get_envs().filter_map(|(name, value)| Some((name, value?))));
        Ended::of(command.stdin(Stdio::null()).output().expect("the command runs"))
    };
    limited("16").failed(2, "File too large", "ulimit -f");
    let whole = site.ingest(&[]);
    assert_eq!((whole.code, whole.number("sealed")), (Some(0), 3), "{whole:?}");
    assert_eq!(site.opened().len(), 3);
}

#[test]
fn a_kill_while_consuming_loses_nothing_and_doubles_nothing() {
    let site = busy_site();
    for wait in [15, 90, 300] {
        let mut child = start(&site, &AT_ONCE);
        thread::sleep(Duration::from_millis(wait));
        // It may have ended already.
        let _ = child.kill();
        child.wait().expect("it ends");
        if site.custodian.vault().join("vault").is_file() {
            let report =
                safelight::vault::check(&site.custodian.vault(), safelight::vault::Trust::Nobody).expect("checked");
            assert!(report.is_sound(), "after {wait} ms: {:?}", report.faults);
        }
    }
    assert_eq!(site.ingest(&AT_ONCE).code, Some(0));
    let names = site.names();
    assert_eq!(names, (0..IMAGES).map(|number| format!("{number:03}.jpg")).collect::<Vec<_>>());
    assert_eq!(files_below(site.photos.path()), [] as [&Path; 0]);
}
