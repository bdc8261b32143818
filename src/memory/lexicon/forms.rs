//! English words whose forms no rule of endings brings together.

use std::collections::HashMap;
use std::sync::LazyLock;

/// A line is one word in its forms, the one that stands for them first.
const FORMS: &str = "
go goes went gone going
child children childs
not no dont doesnt didnt isnt arent wasnt werent wont wouldnt cant cannot couldnt shouldnt hasnt havent hadnt aint mustnt
arise arose arisen
awake awoke awoken
beat beaten
become became
begin began begun
bend bent
bet bets betted
bind bound
bite bit bitten
bleed bled
blow blew blown
break broke broken
breed bred
bring brought
build built
burn burnt
buy bought
catch caught
choose chose chosen
cling clung
come came
cost costs costing
creep crept
deal dealt
dig dug
draw drew drawn
dream dreamt
drink drank drunk
drive drove driven
eat ate eaten
fall fell fallen
feed fed
feel felt
fight fought
find found
flee fled
fling flung
fly flew flown flies
forbid forbade forbidden
forget forgot forgotten
forgive forgave forgiven
freeze froze frozen
give gave given
grind ground
grow grew grown
hang hung
hear heard
hide hid hidden
hold held
keep kept
kneel knelt
know knew known
lay laid
lead led
lean leant
leap leapt
learn learnt
leave left
lend lent
lie lay lain lying
light lit
lose lost
make made
mean meant
meet met
mistake mistook mistaken
overcome overcame
override overrode overridden
overwrite overwrote overwritten
pay paid
prove proven
rebuild rebuilt
redo redid redone
rerun reran
resend resent
reset resets resetting
rewrite rewrote rewritten
ride rode ridden
ring rang rung
rise rose risen
run ran
say said says
see saw seen
seek sought
sell sold
send sent
sew sewn
shake shook shaken
shine shone
shoot shot
show shown
shrink shrank shrunk
sing sang sung
sink sank sunk
sit sat
sleep slept
slide slid
speak spoke spoken
speed sped
spend spent
spill spilt
spin spun
split splits splitting
spoil spoilt
spring sprang sprung
stand stood
steal stole stolen
stick stuck
sting stung
strike struck stricken
strive strove striven
swear swore sworn
sweep swept
swell swollen
swim swam swum
swing swung
take took taken
teach taught
tear tore torn
tell told
think thought
throw threw thrown
undergo underwent undergone
understand understood
undertake undertook undertaken
undo undid undone
unwind unwound
uphold upheld
wake woke woken
wear wore worn
weave wove woven
weep wept
win won
wind wound
withdraw withdrew withdrawn
withhold withheld
withstand withstood
write wrote written
man men
woman women
person people persons
foot feet
tooth teeth
goose geese
mouse mice
ox oxen
louse lice
life lives
wife wives
knife knives
leaf leaves
half halves halve halving
shelf shelves shelve
self selves
loaf loaves
thief thieves
wolf wolves
index indices indexes indexing indexed
matrix matrices
vertex vertices
appendix appendices
axis axes
basis bases
crisis crises
analysis analyses analyze analyse analyzing analysing analyzed analysed
hypothesis hypotheses
thesis theses
parenthesis parentheses
synopsis synopses
datum data
medium media
criterion criteria
phenomenon phenomena
schema schemata schemas
formula formulae formulas
bacterium bacteria
alumnus alumni
cactus cacti
focus foci focuses focused focusing
stimulus stimuli
radius radii
nucleus nuclei
good better best
bad worse worst
far further farther farthest furthest
little less least
colour color colors colours
behaviour behavior behaviors behaviours
favourite favorite favorites favourites
licence license licenses licences licensed
centre center centers centres
catalogue catalog catalogs catalogues
dialogue dialog dialogs dialogues
grey gray
cancel cancelled canceled cancelling canceling cancellation
database databases db dbs
config configuration configurations configs configure configured configuring
repo repository repositories repos
dir directory directories dirs
auth authentication authenticate authenticated authenticating
env environment environments envs
dev development
prod production
doc documentation docs
migrate migration migrations migrated migrating
deploy deployment deployments deployed deploying deploys
delete deletion deletions deleted deleting deletes
decide decision decisions decided deciding decides
fail failure failures failed failing fails
";

/// Each form with the word that stands for it.
static WORDS: LazyLock<HashMap<&str, &str>> = LazyLock::new(|| {
    let mut words = HashMap::new();
    for line in FORMS.lines() {
        let mut forms = line.split_ascii_whitespace();
        let Some(first) = forms.next() else { continue };
        words.insert(first, first);
        for form in forms {
            words.entry(form).or_insert(first);
        }
    }
    words
});

/// The word whose form this is, in lower case; `None` where the endings tell.
pub(super) fn base(word: &str) -> Option<&'static str> {
    WORDS.get(word).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_leads_to_its_word_and_that_to_itself() {
        assert_eq!(base("went"), Some("go"));
        assert_eq!(base("children"), Some("child"));
        for (form, word) in WORDS.iter() {
            assert_eq!(base(word), Some(*word), "{form} leads to {word}");
        }
    }
}
