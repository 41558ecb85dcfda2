use serde_json::json;

use super::super::cell::Cell;
use super::super::table::{Table, find};
use super::*;

fn site(installed: &[&str], settings: &[(&str, &str, &str)]) -> States {
    let mut states = States::default();
    for full in installed {
        states.installed.insert((*full).to_owned(), "2024100700".to_owned());
    }
    for (plugin, name, value) in settings {
        states.put(setting(plugin, name), json!(value));
    }
    states
}

fn plugin(full: &str) -> Plugin<'_> {
    Plugin::parse(full).unwrap()
}

fn changed(states: &States, from: &States) -> Vec<String> {
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let differences = states.differences(from);
    differences.iter().map(|one| format!("{}: {} > {}", one.cell, text(&one.before), text(&one.after))).collect()
}

/// What a change of one plugin would be.
fn set(from: &States, full: &str, state: State) -> Vec<String> {
    let mut states = from.clone();
    states.set(plugin(full), state).unwrap_or_else(|error| panic!("{error}"));
    changed(&states, from)
}

#[test]
fn a_listed_plugin_comes_last_and_goes_without_a_trace() {
    let from =
        site(&["auth_cas", "auth_email", "auth_ldap"], &[("", "auth", "email,ldap"), ("", "registerauth", "email")]);
    assert_eq!(set(&from, "auth_cas", State::Enabled), ["setting auth: email,ldap > email,ldap,cas"]);
    assert_eq!(set(&from, "auth_ldap", State::Disabled), ["setting auth: email,ldap > email"]);
    assert_eq!(
        set(&from, "auth_email", State::Disabled),
        ["setting auth: email,ldap > ldap", "setting registerauth: email > "]
    );
    assert_eq!(set(&from, "auth_ldap", State::Enabled), Vec::<String>::new());
    let stores = site(&["logstore_standard", "logstore_x"], &[("tool_log", "enabled_stores", "logstore_standard")]);
    let after = "setting tool_log/enabled_stores: logstore_standard > logstore_standard,logstore_x";
    assert_eq!(set(&stores, "logstore_x", State::Enabled), [after]);
    let behaviours = site(&["qbehaviour_a", "qbehaviour_b"], &[("question", "disabledbehaviours", "b")]);
    assert_eq!(behaviours.state(plugin("qbehaviour_b")), Some(State::Disabled));
    assert_eq!(set(&behaviours, "qbehaviour_b", State::Enabled), ["setting question/disabledbehaviours: b > "]);
    assert_eq!(set(&behaviours, "qbehaviour_a", State::Disabled), ["setting question/disabledbehaviours: b > b,a"]);
}

#[test]
fn a_player_comes_before_those_of_a_lower_rank() {
    let from = site(
        &["media_videojs", "media_youtube", "media_vimeo", "media_html5audio", "media_other"],
        &[("", "media_plugins_sortorder", "videojs,youtube,gone")],
    );
    let order = |full, after: &str| {
        assert_eq!(
            set(&from, full, State::Enabled),
            [format!("setting media_plugins_sortorder: videojs,youtube,gone > {after}")]
        );
    };
    order("media_vimeo", "videojs,vimeo,youtube");
    order("media_html5audio", "videojs,youtube,html5audio");
    order("media_other", "videojs,youtube,other");
}

#[test]
fn a_flag_is_written_as_its_type_writes_it() {
    let from = site(
        &[
            "availability_date",
            "assignfeedback_file",
            "aiprovider_openai",
            "qtype_essay",
            "contenttype_h5p",
            "factor_totp",
        ],
        &[],
    );
    let one = |full, state, after: &str| assert_eq!(set(&from, full, state), [after]);
    one("availability_date", State::Disabled, "setting availability_date/disabled: null > 1");
    one("contenttype_h5p", State::Disabled, "setting contentbank_h5p/disabled: null > 1");
    one("qtype_essay", State::Disabled, "setting question/essay_disabled: null > 1");
    one("aiprovider_openai", State::Enabled, "setting aiprovider_openai/enabled: null > 1");
    assert_eq!(
        set(&from, "factor_totp", State::Enabled),
        ["setting factor_totp/enabled: null > 1", "setting tool_mfa/factor_order: null > ,totp"]
    );
    let off = site(
        &["availability_date", "assignfeedback_file"],
        &[("availability_date", "disabled", "1"), ("assignfeedback_file", "disabled", "1")],
    );
    assert_eq!(set(&off, "availability_date", State::Enabled), ["setting availability_date/disabled: 1 > null"]);
    assert_eq!(set(&off, "assignfeedback_file", State::Enabled), ["setting assignfeedback_file/disabled: 1 > 0"]);
}

#[test]
fn what_moodle_refuses_is_refused() {
    let states = site(
        &["format_topics", "editor_textarea", "editor_tiny", "auth_manual", "bbbext_x", "mod_forum"],
        &[("moodlecourse", "format", "topics"), ("", "texteditors", "textarea"), ("", "auth", "")],
    );
    for (full, state) in [
        ("format_topics", State::Disabled),
        ("editor_textarea", State::Disabled),
        ("auth_manual", State::Disabled),
        ("bbbext_x", State::Disabled),
        ("mod_forum", State::Enabled),
        ("mod_gone", State::Enabled),
        ("editor_tiny", State::Available),
    ] {
        let error = states.clone().set(plugin(full), state).unwrap_err();
        assert_eq!(error.kind(), Kind::StateRefused, "{full}");
    }
    assert_eq!(set(&states, "auth_manual", State::Enabled), Vec::<String>::new());
}

#[test]
fn instances_that_come_and_go_are_left_to_moodle() {
    let mut from = site(&["repository_s3", "repository_url", "portfolio_flickr", "portfolio_download"], &[]);
    from.put(Cell::Row(Table::Repositories, "url".into()), json!("enabled"));
    from.put(Cell::Row(Table::Portfolios, "download".into()), json!("disabled"));
    for (full, state, told, is_moodles, back_is) in [
        ("repository_url", State::Available, "repository_url: enabled > available", false, false),
        ("repository_url", State::Disabled, "repository_url: enabled > null", true, true),
        ("repository_s3", State::Available, "repository_s3: null > available", true, true),
        ("portfolio_flickr", State::Enabled, "portfolio_flickr: null > enabled", true, true),
        ("portfolio_download", State::Enabled, "portfolio_download: disabled > enabled", true, false),
    ] {
        assert_eq!(set(&from, full, state), [told]);
        let mut to = from.clone();
        to.set(plugin(full), state).unwrap();
        let difference = &to.differences(&from)[0];
        assert_eq!((difference.is_moodles(), difference.back().is_moodles()), (is_moodles, back_is), "{full}");
    }
}

#[test]
fn the_last_editor_but_textarea_leaves_textarea() {
    let from = site(&["editor_tiny", "editor_textarea"], &[("", "texteditors", "tiny")]);
    assert_eq!(set(&from, "editor_tiny", State::Disabled), ["setting texteditors: tiny > textarea"]);
    let none = site(&["editor_atto"], &[]);
    assert_eq!(none.state(plugin("editor_atto")), Some(State::Enabled));
}

#[test]
fn a_modules_activities_are_hidden_with_it_and_come_back() {
    let mut from = site(&["mod_forum"], &[]);
    from.put(Cell::Row(Table::Modules, "forum".into()), json!("enabled"));
    let seen = [("1/1", vec![1, 2]), ("1/0", vec![3]), ("0/1", vec![4]), ("0/0", vec![5])];
    let seen: std::collections::BTreeMap<String, Vec<i64>> =
        seen.into_iter().map(|(pair, ids)| (pair.to_owned(), ids)).collect();
    from.activities.insert("forum".into(), seen);
    assert_eq!(
        set(&from, "mod_forum", State::Disabled),
        [
            r#"activities of mod_forum: {"0/1":[4],"1/0":[3],"1/1":[1,2]} > {"0/0":[4],"0/1":[3,1,2]}"#,
            "mod_forum: enabled > disabled"
        ]
    );
    from.put(Cell::Row(Table::Modules, "forum".into()), json!("disabled"));
    assert_eq!(
        set(&from, "mod_forum", State::Enabled),
        [r#"activities of mod_forum: {"0/1":[4]} > {"1/1":[4]}"#, "mod_forum: disabled > enabled"]
    );
}

#[test]
fn a_plugin_is_moved_and_a_whole_order_copied() {
    let editors = ["editor_a", "editor_b", "editor_c"];
    let from = site(&editors, &[("", "texteditors", "a,b,c")]);
    let moved = |position| {
        let mut states = from.clone();
        states.place(plugin("editor_b"), position).unwrap();
        states.order(find("editor").unwrap()).concat()
    };
    assert_eq!(
        [Position::Up, Position::Down, Position::First, Position::Last, Position::At(2), Position::At(9)].map(moved),
        ["bac", "acb", "bac", "acb", "abc", "acb"]
    );
    let error = site(&editors, &[("", "texteditors", "a")]).place(plugin("editor_b"), Position::Up).unwrap_err();
    assert_eq!(error.kind(), Kind::StateRefused);
    let error = from.clone().place(plugin("mod_forum"), Position::Up).unwrap_err();
    assert_eq!(error.kind(), Kind::BadParameter);

    let mut states = from.clone();
    states.arrange(find("editor").unwrap(), &["c".into(), "x".into(), "a".into()]);
    assert_eq!(changed(&states, &from), ["setting texteditors: a,b,c > c,a,b"]);
    let mut again = states.clone();
    again.arrange(find("editor").unwrap(), &["c".into(), "x".into(), "a".into()]);
    assert_eq!(again, states);

    let formats = site(&["dataformat_csv", "dataformat_pdf"], &[]);
    let mut other = formats.clone();
    other.place(plugin("dataformat_pdf"), Position::Up).unwrap();
    assert_eq!(changed(&other, &formats), ["setting dataformat_plugins_sortorder: null > pdf,csv"]);
    assert_eq!(Position::parse("3").unwrap(), Position::At(3));
    assert!(Position::parse("0").is_err() && Position::parse("top").is_err());
}
