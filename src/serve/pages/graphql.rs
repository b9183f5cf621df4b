//! The page at `/graphql` that tells people about the API.

use askama::Template;
use axum::{
    http::{HeaderMap, StatusCode},
    response::Response,
};

use super::{Shell, html};
use crate::serve::{app::App, limits};

#[derive(Template)]
#[template(path = "graphql.html")]
struct GraphqlPage {
    shell: Shell,
    depth: usize,
    cost: u64,
    aliases: u64,
    page: usize,
    submissions: usize,
}

/// The page.
pub fn page(app: &App, headers: &HeaderMap) -> Response {
    let shell = Shell::new(app, headers);
    let page = GraphqlPage {
        shell,
        depth: limits::GRAPHQL_DEPTH,
        cost: limits::GRAPHQL_COST,
        aliases: limits::GRAPHQL_ALIASES,
        page: limits::PAGE_MOST,
        submissions: limits::SUBMISSIONS_MOST,
    };
    html(StatusCode::OK, &page)
}
