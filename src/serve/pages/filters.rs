//! Filters of the templates.

/// Foreign text with every character that would deceive the eye written out.
#[askama::filter_fn]
pub fn shown(text: impl std::fmt::Display, _: &dyn askama::Values) -> askama::Result<String> {
    Ok(crate::views::shown(&text.to_string()).into_owned())
}
