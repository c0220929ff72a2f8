//! A site whose clock falls back, or was once ahead.

use jiff::{SignedDuration, Timestamp};
use safelight::vault::{SealingOptions, SealingVault, SiteState};

use crate::common::capture;
use crate::common::site::{AT_ONCE, Site, photo};
use crate::common::store::{Fate, FatedStore};

/// The site seals by a clock that is so many days ahead.
fn seal_ahead(site: &Site, days: i64) {
    let fate = Fate::kind();
    fate.turn_clock(SignedDuration::from_hours(24 * days));
    let state = SiteState::beside(&site.custodian.folder.path().join("site.pack"));
    let options = SealingOptions { state: Some(state), ..SealingOptions::default() };
    let vault =
        SealingVault::open_on(Box::new(FatedStore(fate)), &site.custodian.vault(), &site.custodian.pack, options);
    let mut vault = vault.expect("the vault opens");
    vault.append(capture(1, None)).expect("taken");
    vault.finish().expect("sealed");
}

#[test]
fn by_a_clock_that_fell_back_nothing_is_deleted_until_somebody_says_that_it_is_right() {
    let site = Site::new();
    let known = site.put("known.jpg", &photo(1));
    let first = site.ingest(&[]);
    assert!(first.code == Some(0) && !first.stderr.contains("clock"), "{first:?}");
    seal_ahead(&site, 20);
    let fresh = site.put("fresh.jpg", &photo(2));
    let today = Timestamp::now().strftime("%Y-%m-%d").to_string();
    for wrong in [&[][..], &["--confirm-date", "2020-02-02"]] {
        let run = site.ingest(&[&AT_ONCE[..], wrong].concat());
        assert!(run.code == Some(1) && known.exists() && fresh.exists(), "{run:?}");
        assert!(run.stderr.contains("warning: this machine's clock says"), "{run:?}");
        assert!(run.stderr.contains(&format!("--confirm-date {today}")), "{run:?}");
        assert_eq!((run.number("consumed"), run.number("not_consumed")), (0, 2), "{run:?}");
    }
    let run = site.ingest(&[&AT_ONCE[..], &["--confirm-date", &today]].concat());
    assert!(run.code == Some(0) && !known.exists() && !fresh.exists(), "{run:?}");
    assert!(!run.stderr.contains("warning"), "{run:?}");
    site.put("later.jpg", &photo(3));
    let run = site.ingest(&AT_ONCE);
    assert!(run.code == Some(0) && run.number("consumed") == 1, "the state has gone back: {run:?}");
}

/// A day is how far clocks drift.
#[test]
fn a_clock_that_drifts_is_put_right_without_a_word() {
    let site = Site::new();
    let photo = site.put("a.jpg", &photo(1));
    seal_ahead(&site, 0);
    let run = site.ingest(&AT_ONCE);
    assert!(run.code == Some(0) && !photo.exists() && !run.stderr.contains("clock"), "{run:?}");
}
