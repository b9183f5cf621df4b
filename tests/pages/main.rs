//! Pages, as they are served and in a browser.

#[path = "../support/exhibit.rs"]
mod exhibit;
#[path = "../support/html.rs"]
mod html;
#[path = "../support/http.rs"]
mod http;
#[path = "../support/program.rs"]
mod program;
#[path = "../support/story.rs"]
mod story;
#[path = "../support/mod.rs"]
mod support;
#[path = "../support/world.rs"]
mod world;
#[path = "../support/zip.rs"]
mod zip;

mod browser;
mod in_a_browser;
mod markup;
mod pages;
mod search;
