use super::*;

#[test]
fn parses_to_the_default() {
    let config = Layers::new().user(&Config::sample()).load();
    assert_eq!(config, Config::default());
}

#[test]
fn shows_every_key_and_its_comments_would_be_valid() {
    let sample = Config::sample();
    for key in [
        keys_of::<Agents>(),
        keys_of::<ProviderTable>(),
        keys_of::<StoreConfig>(),
        keys_of::<Retention>(),
    ]
    .concat()
    {
        let is_shown = |line: &str| {
            line.trim_start_matches("# ")
                .starts_with(&format!("{key} = "))
        };
        assert!(sample.lines().any(is_shown), "{key}");
    }
    let settings: Vec<&str> = sample
        .lines()
        .map(|line| match line.strip_prefix("# ") {
            Some(setting) if setting.starts_with('[') || setting.contains(" = ") => setting,
            _ => line,
        })
        .collect();
    let config = Layers::new().user(&settings.join("\n")).load();
    assert!(config.providers.contains_key("echo"));
    assert!(config.store.url.is_some());
}
