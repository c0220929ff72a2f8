//! Moving pictures: containers become frames and frames a container again, and what is found in some frames is followed into
//! the others.
//!
//! Owns AVI as bytes, what is peculiar to JPEGs in it, and where things are between the frames in which they were seen.
//! Knows nothing of how regions are found, nor of how a frame is blanked.
//!
//! | you have | you want | call |
//! |---|---|---|
//! | an AVI file | its streams, and every chunk of them in order | [`avi::Reader`] |
//! | streams and chunks | an AVI file that anybody plays | [`avi::Writer`] |
//! | a chunk of Motion JPEG | the pictures in it, each a whole JPEG file | [`mjpeg`] |
//! | another video, and `ffmpeg` | its frames as JPEGs, and a video of them again | [`via::Ffmpeg`] |
//! | what was found in each frame | what must be blanked in each frame | [`track::Tracker`] |

pub mod avi;
pub mod mjpeg;
pub mod track;
pub mod via;
