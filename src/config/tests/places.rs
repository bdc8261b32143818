use super::*;

fn sources(variables: &[(&str, OsString)]) -> Result<Sources, ConfigError> {
    let variables = variables
        .iter()
        .map(|(name, value)| (OsString::from(name), value.clone()));
    Sources::from_variables(Some(Path::new("/project")), variables)
}

#[test]
fn the_environment_names_the_file_and_the_settings() {
    let sources = sources(&[
        ("OSTLER_CONFIG", "/x/my.toml".into()),
        ("OSTLER_AGENTS_MAX_TREE", "3".into()),
        ("OSTLER_LOG", "debug".into()),
        ("PATH", "/bin".into()),
    ])
    .unwrap();
    assert_eq!(sources.user_file, Path::new("/x/my.toml"));
    assert_eq!(sources.project_dir.as_deref(), Some(Path::new("/project")));
    assert_eq!(
        sources.env,
        [("OSTLER_AGENTS_MAX_TREE".to_owned(), "3".to_owned())]
    );
}

#[test]
fn without_a_named_file_it_is_the_platforms() {
    let sources = sources(&[("OSTLER_CONFIG", "".into())]).unwrap();
    assert!(sources.user_file.is_absolute());
    assert!(sources.user_file.ends_with("ostler/config.toml"));
}

#[test]
fn a_setting_must_be_unicode_and_other_variables_need_not() {
    use std::os::unix::ffi::OsStringExt;
    let bytes = OsString::from_vec(vec![b'/', 0xff]);
    let config = sources(&[
        ("OSTLER_CONFIG", bytes.clone()),
        ("OSTLER_HOME", bytes.clone()),
    ]);
    assert_eq!(config.unwrap().user_file.as_os_str(), bytes);
    let error = sources(&[("OSTLER_CONFIG", "/x".into()), ("OSTLER_STORE_URL", bytes)]);
    assert_eq!(
        error.unwrap_err().to_string(),
        "the variable OSTLER_STORE_URL is not valid Unicode\nSet it to UTF-8 text, or unset it."
    );
}

#[test]
fn the_state_lies_in_ostler_home_else_with_the_users_data() {
    let state_dir = |home: Option<&str>| {
        state_dir(|name| home.filter(|_| name == "OSTLER_HOME").map(OsString::from))
    };
    assert_eq!(state_dir(Some("/x/y")).unwrap(), Path::new("/x/y"));
    for unset in [None, Some("")] {
        let dir = state_dir(unset).unwrap();
        assert!(
            dir.is_absolute() && dir.ends_with("ostler"),
            "{}",
            dir.display()
        );
    }
    assert_eq!(
        state_dir(Some("x/y")).unwrap_err().to_string(),
        "`x/y` is no absolute path\nSet OSTLER_HOME to one."
    );
}
