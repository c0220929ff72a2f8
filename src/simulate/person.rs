//! Who somebody is, and what of that shows.
