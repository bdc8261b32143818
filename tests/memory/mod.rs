//! Memories, through the real binary and on a real file.

mod vectors;
