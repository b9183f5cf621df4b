//! What an operator does to a folder: fsck, backup, repair; and what rot does.

#[path = "../support/http.rs"]
mod http;
#[path = "../support/process.rs"]
mod process;
#[path = "../support/served.rs"]
mod served;
#[path = "../support/story.rs"]
mod story;
#[path = "../support/mod.rs"]
mod support;

mod operations;
mod repair;
mod rot;
