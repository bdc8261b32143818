//! Words that tell nothing about what a text is about.

use std::collections::HashSet;
use std::sync::LazyLock;

/// Left out of texts and questions. No denial is among them: with one, a text says the opposite.
const STOP: &str = "a an the this that these those and or but nor so if then than because as of at by for \
    with about into onto upon through during before after above below to from up down in out on off over \
    under again further once here there all any both each few more most other some such only own same too \
    very just also i me my mine myself we us our ours ourselves you your yours yourself he him his himself \
    she her hers herself it its itself they them their theirs themselves is am are was were be been being \
    do does did doing done have has had having can could will would shall should might must ought let lets \
    get gets got please eg ie etc via per while until yes ok okay";

/// Left out of questions: they say what is wanted, and not about what.
const ASKING: &str =
    "what when where who whom whose which why how many much long often kind type not no";

static STOPS: LazyLock<HashSet<&str>> = LazyLock::new(|| set(STOP));
static ASKS: LazyLock<HashSet<&str>> = LazyLock::new(|| set(ASKING));

fn set(words: &'static str) -> HashSet<&'static str> {
    words.split_ascii_whitespace().collect()
}

/// Whether a word, in lower case, tells nothing.
pub(super) fn is_stop(word: &str) -> bool {
    STOPS.contains(word)
}

/// Whether a word, in lower case and as a text has it, only asks.
pub(super) fn is_asking(word: &str) -> bool {
    ASKS.contains(word)
}
