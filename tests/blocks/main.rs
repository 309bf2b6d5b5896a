//! Blocks and the clusters they are made of, through their public face. Everything random comes from a seed.

mod clusters;
mod codec;
mod examples;
mod vectors;
#[expect(dead_code, reason = "the tables have players move in more ways")]
mod walk;
mod whole;
