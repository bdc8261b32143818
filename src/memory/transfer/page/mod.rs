//! A page.
/// The first line of a page, by which it is known.
pub(super) const MARK: &str = "<!-- ostler memory page";
