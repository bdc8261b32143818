//! A role for a program that has no place for one: it goes in front of the first prompt.

/// The first prompt, with the role in front of it where there is one.
pub(super) fn in_front(instructions: &str, prompt: &str) -> String {
    if instructions.trim().is_empty() {
        return prompt.to_owned();
    }
    format!(
        "Your role, which holds for everything that you do here:\n\n<role>\n{}\n</role>\n\n{prompt}",
        instructions.trim()
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prompt_without_a_role_stays_as_it_is() {
        assert_eq!(in_front(" \n", "do it"), "do it");
        let whole = in_front("Be brief.\n", "do it");
        assert!(whole.contains("<role>\nBe brief.\n</role>"), "{whole}");
        assert!(whole.ends_with("\n\ndo it"), "{whole}");
    }
}
