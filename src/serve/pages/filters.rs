//! Filters of the templates.

/// Text from strangers, with every character that would deceive the eye written out.
#[askama::filter_fn]
pub fn shown(text: impl std::fmt::Display, _: &dyn askama::Values) -> askama::Result<String> {
    Ok(crate::views::shown(&text.to_string()).into_owned())
}

/// Like `shown`, but cut to about `most` characters. The page links to the whole text.
#[askama::filter_fn]
pub fn cut(text: impl std::fmt::Display, _: &dyn askama::Values, most: usize) -> askama::Result<String> {
    let text = text.to_string();
    let long = text.chars().nth(most).is_some();
    Ok(crate::views::shown(&if long { crate::views::excerpt(&text, most) } else { text }).into_owned())
}
