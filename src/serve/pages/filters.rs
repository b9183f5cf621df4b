//! Filters of the templates.

/// Foreign text with every character that would deceive the eye written out.
#[askama::filter_fn]
pub fn shown(text: impl std::fmt::Display, _: &dyn askama::Values) -> askama::Result<String> {
    Ok(crate::views::shown(&text.to_string()).into_owned())
}

/// The same, cut short: what is longer than so many characters goes on where it is linked.
#[askama::filter_fn]
pub fn cut(text: impl std::fmt::Display, _: &dyn askama::Values, most: usize) -> askama::Result<String> {
    let text = text.to_string();
    let long = text.chars().nth(most).is_some();
    Ok(crate::views::shown(&if long { crate::views::excerpt(&text, most) } else { text }).into_owned())
}
