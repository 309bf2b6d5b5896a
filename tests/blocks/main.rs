//! Blocks and the clusters they are made of, through their public face. Everything random comes from a seed.

mod clusters;
mod codec;
mod examples;
mod vectors;
mod walk;
