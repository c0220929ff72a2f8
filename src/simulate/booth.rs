//! Travellers at an inspection booth.
