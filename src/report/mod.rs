//! One self-contained HTML file that shows what a thief got, in pictures and numbers.
//!
//! Owns the page and its pictures. Knows nothing of how attacks work; it shows what [`breach`](crate::breach) found.
//! The page needs no script, no other file and no network, reads on a telephone, in print and in the dark.

mod cells;
mod contact_sheet;
mod folder;
mod html;
mod impact;
mod page;
mod pictures;

pub use contact_sheet::{ContactSheet, MOST as MOST_PRINTS, Print};
pub use folder::of_folders;
pub use impact::of_impact;
pub use page::{Figure, Illustration, Limit, Measure, Store, Story, limits};
pub use pictures::{Closeup, bytes_as_picture, closeup, contrast, detail_of, photograph, visible_bytes};

#[cfg(test)]
mod tests;
