//! Draws photographs of vehicles and travellers that never existed, with the truth about them.
//!
//! Owns the world (vehicles and people who come back), everything drawn, the camera, and the truth. Knows nothing of
//! detectors, keys or vaults; used by the command line, tests and benches only.
//!
//! | stage | module |
//! |---|---|
//! | who was where and when | [`world`] |
//! | places, vehicles, plates | [`compose`], [`road`], [`vehicle`], [`plate`] |
//! | people and what is no plate and no face | [`person`], [`head`], [`body`], [`booth`], [`decoy`] |
//! | gates and fences before all that | `barrier` |
//! | light, glass, sensor, file | [`camera`] |
//! | one picture with its truth | [`picture`], [`truth`] |
//! | a folder of them | [`produce`] |
//! | one camera for some seconds, frame by frame | [`film`] |

mod barrier;
pub mod brush;
pub mod camera;
pub mod chance;
pub mod compose;
pub mod crops;
pub mod film;
pub mod grain;
pub mod picture;
pub mod plate;
pub mod produce;
pub mod road;
pub mod scene;
pub mod truth;
pub mod vehicle;
pub mod view;
pub mod world;

pub mod body;
pub mod booth;
pub mod decoy;
pub mod head;
pub mod person;
mod sculpt;
