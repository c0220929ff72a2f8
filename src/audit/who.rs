//! Who this is, as the kernel says.
//!
//! The user's name is whatever the environment claims. The user id is the kernel's, and so is the login id, which a
//! session gets when somebody logs in and keeps through `sudo` and `su`. Root can set both.

/// The kernel's ids of this process.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Who {
    /// The real user id.
    pub user: Option<u32>,
    /// Who logged in; `None` where nobody did, as for services, and where the kernel does not keep it.
    pub login: Option<u32>,
}

impl Who {
    /// This process's.
    pub fn now() -> Self {
        let login = std::fs::read_to_string("/proc/self/loginuid").ok().and_then(|text| text.trim().parse().ok());
        Self { user: user(), login: login.filter(|&login| login != u32::MAX) }
    }
}

#[cfg(unix)]
fn user() -> Option<u32> {
    Some(rustix::process::getuid().as_raw())
}

#[cfg(not(unix))]
fn user() -> Option<u32> {
    None
}
