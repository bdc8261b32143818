//! Recognising secrets by the formats of well-known keys, and by a name, a header or an address beside
//! a value that looks chosen or drawn at random. What is found is named by its format and never repeated.

mod address;
mod assignment;
mod request;
mod table;
mod value;

use crate::text::unseen::as_it_reads;

/// The characters that a key is made of behind its prefix.
#[derive(Clone, Copy)]
enum Made {
    /// Capital letters and digits.
    Capitals,
    /// Letters and digits.
    Letters,
    /// Letters, digits, `-` and `_`.
    Url,
    /// Hexadecimal digits.
    Hex,
}

impl Made {
    fn takes(self, c: char) -> bool {
        match self {
            Made::Capitals => c.is_ascii_uppercase() || c.is_ascii_digit(),
            Made::Letters => c.is_ascii_alphanumeric(),
            Made::Url => c.is_ascii_alphanumeric() || c == '-' || c == '_',
            Made::Hex => c.is_ascii_hexdigit(),
        }
    }
}

/// How a key begins, what it is made of and how long it is at least behind that; and what it is.
type Format = (&'static str, Made, usize, &'static str);

/// A longer prefix stands before one that it begins with.
const FORMATS: [Format; 61] = [
    ("AKIA", Made::Capitals, 16, "an AWS access key"),
    ("ASIA", Made::Capitals, 16, "an AWS access key"),
    ("ABIA", Made::Capitals, 16, "an AWS access key"),
    ("ACCA", Made::Capitals, 16, "an AWS access key"),
    ("ghp_", Made::Letters, 30, "a GitHub token"),
    ("gho_", Made::Letters, 30, "a GitHub token"),
    ("ghu_", Made::Letters, 30, "a GitHub token"),
    ("ghs_", Made::Letters, 30, "a GitHub token"),
    ("ghr_", Made::Letters, 30, "a GitHub token"),
    ("github_pat_", Made::Url, 22, "a GitHub token"),
    ("glpat-", Made::Url, 20, "a GitLab token"),
    ("gldt-", Made::Url, 20, "a GitLab token"),
    ("glrt-", Made::Url, 20, "a GitLab token"),
    ("glptt-", Made::Url, 20, "a GitLab token"),
    ("glcbt-", Made::Url, 20, "a GitLab token"),
    ("glsoat-", Made::Url, 20, "a GitLab token"),
    ("gloas-", Made::Url, 20, "a GitLab token"),
    ("xoxb-", Made::Url, 10, "a Slack token"),
    ("xoxa-", Made::Url, 10, "a Slack token"),
    ("xoxp-", Made::Url, 10, "a Slack token"),
    ("xoxr-", Made::Url, 10, "a Slack token"),
    ("xoxs-", Made::Url, 10, "a Slack token"),
    ("xoxe-", Made::Url, 10, "a Slack token"),
    ("xoxe.xoxp-", Made::Url, 10, "a Slack token"),
    ("xapp-", Made::Url, 10, "a Slack token"),
    ("sk-ant-", Made::Url, 20, "an Anthropic key"),
    ("sk-or-", Made::Url, 20, "an OpenRouter key"),
    ("sk-proj-", Made::Url, 20, "an OpenAI key"),
    ("sk-svcacct-", Made::Url, 20, "an OpenAI key"),
    ("sk-admin-", Made::Url, 20, "an OpenAI key"),
    ("sk-", Made::Letters, 20, "an OpenAI key"),
    ("AIza", Made::Url, 35, "a Google key"),
    ("ya29.", Made::Url, 20, "a Google token"),
    ("GOCSPX-", Made::Url, 20, "a Google client secret"),
    ("sk_live_", Made::Letters, 16, "a Stripe key"),
    ("sk_test_", Made::Letters, 16, "a Stripe key"),
    ("rk_live_", Made::Letters, 16, "a Stripe key"),
    ("rk_test_", Made::Letters, 16, "a Stripe key"),
    ("whsec_", Made::Letters, 16, "a Stripe webhook secret"),
    ("npm_", Made::Letters, 30, "an npm token"),
    ("pypi-", Made::Url, 40, "a PyPI token"),
    ("rubygems_", Made::Hex, 32, "a RubyGems key"),
    ("dckr_pat_", Made::Url, 20, "a Docker token"),
    ("hf_", Made::Letters, 30, "a Hugging Face token"),
    ("gsk_", Made::Letters, 30, "a Groq key"),
    ("xai-", Made::Letters, 40, "an xAI key"),
    ("r8_", Made::Letters, 30, "a Replicate token"),
    ("pplx-", Made::Letters, 30, "a Perplexity key"),
    ("lin_api_", Made::Letters, 30, "a Linear key"),
    ("ntn_", Made::Letters, 30, "a Notion token"),
    ("shpat_", Made::Hex, 32, "a Shopify token"),
    ("dop_v1_", Made::Hex, 40, "a DigitalOcean token"),
    ("dapi", Made::Hex, 32, "a Databricks token"),
    ("sbp_", Made::Hex, 32, "a Supabase token"),
    ("hvs.", Made::Url, 20, "a Vault token"),
    ("tskey-", Made::Url, 20, "a Tailscale key"),
    ("dp.pt.", Made::Letters, 30, "a Doppler token"),
    ("SG.", Made::Url, 20, "a SendGrid key"),
    ("ATATT3", Made::Url, 40, "an Atlassian token"),
    ("PMAK-", Made::Url, 40, "a Postman key"),
    ("AGE-SECRET-KEY-1", Made::Capitals, 40, "an age key"),
];

/// What the first secret in a text is, with its article. The text is looked at as it reads, whatever
/// stands unseen within its words.
pub(in crate::memory) fn found(text: &str) -> Option<&'static str> {
    let text = &as_it_reads(text);
    key(text)
        .or_else(|| signed_token(text))
        .or_else(|| private_key(text))
        .or_else(|| address::with_password(text))
        .or_else(|| address::with_parameter(text))
        .or_else(|| request::found(text))
        .or_else(|| table::found(text))
        .or_else(|| assignment::in_element(text))
        .or_else(|| assignment::found(text))
}

fn key(text: &str) -> Option<&'static str> {
    FORMATS
        .iter()
        .find(|(prefix, made, least, _)| {
            text.match_indices(prefix).any(|(at, _)| {
                let before = text.get(..at).and_then(|text| text.chars().next_back());
                let rest = text.get(at + prefix.len()..).unwrap_or_default();
                let length = rest.chars().take_while(|c| made.takes(*c)).count();
                let key: String = rest.chars().take(length).collect();
                let next = rest.chars().nth(length);
                let is_alone = !before.is_some_and(char::is_alphanumeric)
                    && !next.is_some_and(char::is_alphanumeric);
                is_alone && length >= *least && is_drawn(&key)
            })
        })
        .map(|(.., what)| *what)
}

/// Three parts of base64 with dots between them, the first two of which are JSON objects.
fn signed_token(text: &str) -> Option<&'static str> {
    let is_one = text.match_indices("eyJ").any(|(at, _)| {
        let token = text.get(at..).unwrap_or_default();
        let end = token.find(|c: char| !Made::Url.takes(c) && c != '.');
        let token = end.map_or(token, |end| token.get(..end).unwrap_or_default());
        let parts: Vec<&str> = token.split('.').collect();
        matches!(parts.as_slice(), [head, body, signature, ..]
            if head.len() >= 10 && body.starts_with("eyJ") && body.len() >= 10 && signature.len() >= 10)
    });
    is_one.then_some("a signed token (JWT)")
}

fn private_key(text: &str) -> Option<&'static str> {
    let is_one = text.match_indices("-----BEGIN ").any(|(at, _)| {
        let line = text.get(at..).and_then(|text| text.lines().next());
        line.is_some_and(|line| line.contains("PRIVATE KEY"))
    });
    is_one.then_some("a private key")
}

/// Whether a text looks drawn at random: letters and digits mixed, and no words with marks between
/// them, as `sk-learn-with-many-words-2` has.
fn is_drawn(text: &str) -> bool {
    let digits = text.bytes().filter(u8::is_ascii_digit).count();
    let letters = text.bytes().filter(u8::is_ascii_alphabetic).count();
    let longest = text.split(['-', '_']).map(str::len).max();
    digits >= 1
        && letters >= 1
        && longest.is_some_and(|longest| longest >= 8)
        && bits(text) >= 2.5
        && !is_wordy(text)
}

/// Whether a text is made of words in one case: every part between marks is letters, with digits at
/// most behind them.
fn is_wordy(text: &str) -> bool {
    let parts = text.split(['-', '_', '.']).filter(|part| !part.is_empty());
    let mut several = 0;
    for part in parts {
        several += 1;
        let word = part.trim_end_matches(|c: char| c.is_ascii_digit());
        let is_number = word.is_empty() && part.len() <= 4;
        let is_word = part.len() - word.len() <= 5
            && word.len() <= 15
            && (word.bytes().all(|b| b.is_ascii_lowercase())
                || word.bytes().all(|b| b.is_ascii_uppercase()));
        if !is_number && !is_word {
            return false;
        }
    }
    several > 1
}

/// Bits of information in a character of a text, by how often each of its characters is in it.
fn bits(text: &str) -> f64 {
    let mut counts = std::collections::BTreeMap::<char, f64>::new();
    for c in text.chars() {
        *counts.entry(c).or_default() += 1.0;
    }
    let length: f64 = counts.values().sum();
    counts
        .values()
        .map(|count| count / length)
        .map(|share| -share * share.log2())
        .sum()
}

#[cfg(test)]
mod tests;
