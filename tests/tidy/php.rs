//! The plugin: headers, size of entry scripts, who names the extension, texts in both languages.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

use support::need::{self, Need};
use support::root;
use vmoodle_core::warning::Matter;

use crate::{assert_none, files_ending, read};

fn plugin_files() -> Vec<PathBuf> {
    files_ending(".php").into_iter().filter(|file| file.starts_with("php")).collect()
}

#[test]
fn every_php_file_says_its_licence() {
    let wrong: Vec<String> = files_ending(".php")
        .into_iter()
        .filter(|file| !read(file).chars().take(1200).collect::<String>().contains("GNU General Public License"))
        .map(|file| file.display().to_string())
        .collect();
    assert_none("a PHP file begins with the GPL's header", &wrong);
}

#[test]
fn php_reads_every_php_file() {
    let Some(()) = need::all(&[Need::Php]) else { return };
    let mut wrong = Vec::new();
    for file in files_ending(".php") {
        let result = Command::new("php").arg("-l").arg(root::workspace().join(&file)).output().unwrap();
        if !result.status.success() {
            wrong.push(String::from_utf8_lossy(&result.stdout).trim().to_owned());
        }
    }
    assert_none("php -l", &wrong);
}

#[test]
fn pages_and_scripts_are_short() {
    const LIMIT: usize = 80;
    let wrong: Vec<String> = plugin_files()
        .into_iter()
        .filter(|file| read(file).contains("/config.php'"))
        .map(|file| (read(&file).lines().count(), file))
        .filter(|(lines, _)| *lines > LIMIT)
        .map(|(lines, file)| format!("{}: {lines} lines", file.display()))
        .collect();
    assert_none("an entry script has at most 80 lines, its header included", &wrong);
}

#[test]
fn only_the_bridge_and_boot_name_the_extension() {
    let wrong: Vec<String> = plugin_files()
        .into_iter()
        .filter(|file| !file.ends_with("classes/bridge.php") && !file.ends_with("local/vmoodle/boot.php"))
        .filter(|file| read(file).contains("Vmoodle\\"))
        .map(|file| file.display().to_string())
        .collect();
    assert_none("only bridge.php and boot.php name Vmoodle\\", &wrong);
}

/// The keys of a language file, in its order: `$string['key'] = ` or, in boot.php, `'key' => `.
fn keys(file: &Path) -> Vec<String> {
    let text = read(file);
    let lines = text.lines().filter_map(|line| {
        let line = line.trim_start();
        let string = line.strip_prefix("$string['").and_then(|rest| rest.split_once("'] ="));
        let entry = || line.strip_prefix('\'').and_then(|rest| rest.split_once("' =>"));
        string.or_else(entry).map(|(key, _)| key.to_owned())
    });
    lines.collect()
}

fn language_files() -> Vec<PathBuf> {
    let english: Vec<PathBuf> = plugin_files()
        .into_iter()
        .filter(|file| file.parent().is_some_and(|parent| parent.ends_with("lang/en")))
        .collect();
    assert!(!english.is_empty(), "no language files");
    english
}

fn french(english: &Path) -> PathBuf {
    english.parent().unwrap().with_file_name("fr").join(english.file_name().unwrap())
}

#[test]
fn texts_stand_in_both_languages_in_alphabetical_order() {
    let mut wrong = Vec::new();
    for english in language_files() {
        let french = french(&english);
        if !root::workspace().join(&french).is_file() {
            wrong.push(format!("{} is missing", french.display()));
            continue;
        }
        for file in [&english, &french] {
            let order = keys(file);
            let mut sorted = order.clone();
            sorted.sort();
            sorted.dedup();
            if order != sorted {
                let at = order.iter().zip(&sorted).position(|(is, should)| is != should).unwrap_or(sorted.len());
                wrong.push(format!("{}: `{}` stands in the wrong place or twice", file.display(), order[at]));
            }
        }
        let (en, fr): (BTreeSet<_>, BTreeSet<_>) =
            (keys(&english).into_iter().collect(), keys(&french).into_iter().collect());
        wrong.extend(
            en.symmetric_difference(&fr).map(|key| format!("{}: `{key}` in one language only", english.display())),
        );
    }
    assert_none("language files", &wrong);
}

/// The stable codes, as `vmoodle-core/src/error.rs` declares them: `Variant = "code", Blame, …`.
fn error_codes() -> Vec<String> {
    let text = read(Path::new("vmoodle-core/src/error.rs"));
    let table = text.split_once("\nkinds! {").expect("error.rs has its table").1;
    let table = table.split_once("\n}").unwrap().0;
    let codes: Vec<String> = table
        .lines()
        .filter(|line| !line.trim_start().starts_with("//"))
        .filter_map(|line| line.split('"').nth(1))
        .map(str::to_owned)
        .collect();
    assert!(codes.len() > 10, "only {codes:?}");
    codes
}

#[test]
fn every_error_code_has_its_text_in_both_languages() {
    let english = PathBuf::from("php/local/vmoodle/lang/en/local_vmoodle.php");
    let mut wrong = Vec::new();
    for file in [french(&english), english] {
        let keys = keys(&file);
        wrong.extend(
            error_codes()
                .into_iter()
                .map(|code| format!("error_{code}"))
                .filter(|key| !keys.contains(key))
                .map(|key| format!("{}: `{key}`", file.display())),
        );
    }
    assert_none("error codes without a text", &wrong);
}

#[test]
fn every_warning_has_its_text_in_both_languages() {
    let english = PathBuf::from("php/local/vmoodle/lang/en/local_vmoodle.php");
    let mut wrong = Vec::new();
    for file in [french(&english), english] {
        let keys = keys(&file);
        let wanted: BTreeSet<String> = Matter::ALL.iter().map(|matter| format!("warning_{}", matter.code())).collect();
        let known: BTreeSet<String> = keys.into_iter().filter(|key| key.starts_with("warning_")).collect();
        wrong.extend(wanted.symmetric_difference(&known).map(|key| format!("{}: `{key}`", file.display())));
    }
    assert_none("warnings without a text, and texts without a warning", &wrong);
}

#[test]
fn every_text_that_is_asked_for_is_there() {
    let english = keys(Path::new("php/local/vmoodle/lang/en/local_vmoodle.php"));
    let mut wrong = Vec::new();
    for file in plugin_files() {
        let text = read(&file);
        for rest in text.split("get_string('").skip(1).chain(text.split("new lang_string('").skip(1)) {
            let Some((key, after)) = rest.split_once('\'') else { continue };
            let ours = after.split(')').next().unwrap().contains("'local_vmoodle'");
            // `'state_' . $state`: some text must begin so.
            let built = after.trim_start().starts_with('.');
            if ours && !english.iter().any(|known| known == key || (built && known.starts_with(key))) {
                wrong.push(format!("{}: `{key}`", file.display()));
            }
        }
    }
    assert_none("texts that lang/en does not have", &wrong);
}

#[test]
fn every_operation_and_parameter_has_its_text_in_both_languages() {
    let mut wanted = BTreeSet::new();
    for operation in vmoodle_core::operation::OPERATIONS {
        let meta = operation.meta();
        wanted.insert(format!("operation_{}", meta.name));
        for parameter in meta.parameters {
            wanted.insert(format!("parameter_{}", parameter.name));
            let described = parameter.describe();
            let choices = described["choices"].as_array().cloned().unwrap_or_default();
            wanted.extend(choices.iter().filter_map(|choice| choice.as_str()).map(|choice| format!("choice_{choice}")));
        }
    }
    let english = PathBuf::from("php/local/vmoodle/lang/en/local_vmoodle.php");
    let mut wrong = Vec::new();
    for file in [french(&english), english] {
        let keys = keys(&file);
        wrong.extend(wanted.iter().filter(|key| !keys.contains(key)).map(|key| format!("{}: `{key}`", file.display())));
    }
    assert_none("operations and parameters without a text", &wrong);
}

#[test]
fn every_text_of_a_template_is_there() {
    let english = keys(Path::new("php/local/vmoodle/lang/en/local_vmoodle.php"));
    let mut wrong = Vec::new();
    for file in files_ending(".mustache") {
        let text = read(&file);
        let asked = text.split("{{#str}}").skip(1).filter_map(|rest| rest.split(',').map(str::trim).next());
        let ours =
            text.split("{{#str}}").skip(1).map(|rest| rest.split("{{/str}}").next().unwrap().contains("local_vmoodle"));
        wrong.extend(
            asked
                .zip(ours)
                .filter(|(key, ours)| *ours && !english.iter().any(|known| known == key))
                .map(|(key, _)| format!("{}: `{key}`", file.display())),
        );
    }
    assert_none("texts of templates that lang/en does not have", &wrong);
}

#[test]
fn every_script_is_built_from_its_source_as_it_is() {
    let mut wrong = Vec::new();
    let sources: Vec<PathBuf> =
        files_ending(".js").into_iter().filter(|file| file.to_string_lossy().contains("/amd/src/")).collect();
    assert!(sources.len() >= 3, "{sources:?}");
    for source in sources {
        let built =
            PathBuf::from(source.to_string_lossy().replace("/amd/src/", "/amd/build/").replace(".js", ".min.js"));
        let map = built.with_extension("js.map");
        // The map that Moodle's own build writes beside a script holds the source that it was built from.
        let told = std::fs::read_to_string(root::workspace().join(&map)).unwrap_or_default();
        let told: serde_json::Value = serde_json::from_str(&told).unwrap_or_default();
        if told["sourcesContent"][0] != read(&source) || !root::workspace().join(&built).is_file() {
            wrong.push(format!("{}: build it again (grunt amd)", built.display()));
        }
    }
    assert_none("amd/build is what amd/src says", &wrong);
}
