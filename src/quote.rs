//! Quoting for commands in messages, which readers paste into a shell.

/// Quotes an argument for a shell, if it needs that.
pub(crate) fn shell(argument: &str) -> String {
    let safe = |b: u8| b.is_ascii_alphanumeric() || b"-_./:=+@,%".contains(&b);
    if !argument.is_empty() && argument.bytes().all(safe) {
        argument.to_owned()
    } else {
        format!("'{}'", argument.replace('\'', r"'\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_are_quoted_for_a_shell() {
        assert_eq!(shell("http://127.0.0.1:8080"), "http://127.0.0.1:8080");
        assert_eq!(shell("it's $HOME"), r"'it'\''s $HOME'");
    }
}
