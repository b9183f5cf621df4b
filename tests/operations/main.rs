//! What an operator does to a folder: fsck, backup, repair; and what rot does.

#[path = "../support/http.rs"]
mod http;
#[path = "../support/place.rs"]
mod place;
#[path = "../support/program.rs"]
mod program;
#[path = "../support/story.rs"]
mod story;
#[path = "../support/mod.rs"]
mod support;
#[path = "../support/world.rs"]
mod world;

mod operations;
mod repair;
mod rot;
