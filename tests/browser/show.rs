//! Every page: who sees little, who reads French, who has a small screen.

use serde_json::{Value, json};
use support::process::output;
use support::{moodle, php, root};

use crate::person::Person;
use crate::stage::{SCHOOL, Stage, alone, class};

/// The pages of an administrator, each under a name.
fn pages(stage: &Stage) -> Vec<(&'static str, String)> {
    let id = stage.row(SCHOOL, "id");
    stage.operate("tenant_status", &json!({ "sizes": true }), SCHOOL);
    let collected = stage.operate_on_all("tenant_status", &json!({ "sizes": true }));
    let script = json!({ "script": "admin/cli/purge_caches.php", "arguments": ["--help"] });
    let said = stage.operate("run_script", &script, SCHOOL);
    let asked = stage.operate("run_sql", &json!({ "sql": "SELECT id, username FROM {user}" }), &class(12));
    let other = json!({ "name": "supportname", "value": format!("Help-{asked}") });
    let changed = stage.operate("set_config", &other, &class(9));
    let (failed, warned) = failing(stage);
    let pages = [
        ("farm", "farm.php?".to_owned()),
        ("tenants", "index.php?".into()),
        ("tenant", format!("tenant.php?id={id}")),
        ("new", "edit.php?".into()),
        ("edit", format!("edit.php?id={id}")),
        ("operations", "run.php?".into()),
        ("set_config", format!("run.php?operation=set_config&ids={id}")),
        ("role_sync", format!("run.php?operation=role_sync&ids={id}")),
        ("create_tenant", "run.php?operation=create_tenant".into()),
        ("destroy_tenant", format!("run.php?operation=destroy_tenant&ids={id}")),
        ("run_script", format!("run.php?operation=run_script&ids={id}")),
        ("roles", "compare.php?what=roles&targets=all&role=student&differences=0".into()),
        ("plugins", "compare.php?what=plugins&targets=all&type=mod&differences=0".into()),
        ("settings", "compare.php?what=config&targets=all&differences=0".into()),
        ("difference", "compare.php?what=config&targets=all&names=supportname&differences=1".into()),
        ("compare", "compare.php?".into()),
        ("jobs", "jobs.php?".into()),
        ("job", format!("job.php?id={collected}")),
        ("job-script", format!("job.php?id={said}")),
        ("job-rows", format!("job.php?id={asked}")),
        ("job-changes", format!("job.php?id={changed}")),
        ("job-failed", format!("job.php?id={failed}")),
        ("job-warned", format!("job.php?id={warned}")),
        ("snapshots", "snapshots.php?".into()),
        ("policies", "policies.php?".into()),
        ("policy", "policies.php?edit=*".into()),
        ("trash", "trash.php?".into()),
    ];
    pages.into_iter().map(|(name, address)| (name, format!("/local/vmoodle/{address}"))).collect()
}

/// A job that failed on a tenant whose database is not there, and has not begun on another; and one that could not read its
/// facts.
fn failing(stage: &Stage) -> (Value, Value) {
    let (broken, name) = (class(10), stage.row(&class(10), "vdbname"));
    let rename = |to: &str| stage.farm.call("tenant_update", json!([broken, { "vdbname": to }])).unwrap();
    rename("nowhere_at_all");
    let parameters = json!({ "name": "supportname", "value": "Nowhere" });
    let asked = json!(["set_config", parameters, [broken, class(11)], { "waves": "1,rest" }]);
    let job = stage.farm.call("job_submit", asked).unwrap();
    let ended = stage.farm.call("job_run", json!([job])).unwrap();
    let warned = stage.operate("tenant_status", &json!({}), &broken);
    rename(&name);
    stage.operate("tenant_status", &json!({}), &broken);
    assert_eq!((&ended["failed"], &ended["cancelled"]), (&json!(1), &json!(1)), "{ended}");
    (job, warned)
}

#[test]
fn no_page_has_a_serious_accessibility_fault_or_is_wider_than_a_small_screen() {
    let Some(stage) = alone() else { return };
    let admin = stage.administrator();
    // The copy of axe-core that Moodle's own tests use.
    let axe = std::fs::read_to_string(moodle::folder().join("lib/behat/axe/axe.min.js")).unwrap();
    // Moodle's own field that completes what is typed has an empty list box while nothing is chosen.
    let run = "axe.run({include: ['#region-main'], exclude: ['.form-autocomplete-selection']}, {resultTypes: ['violations']}).then(found => JSON.stringify(found.violations
        .filter(fault => ['serious', 'critical'].includes(fault.impact))
        .map(fault => [fault.id, fault.help, fault.nodes.map(node => node.html).slice(0, 3)])))";
    let mut faults = Vec::new();
    for (name, address) in pages(&stage) {
        admin.open(&address);
        admin.picture(name);
        admin.ask(&axe);
        let found = admin.ask(run);
        if found != "[]" {
            faults.push(format!("{name}: {}", found.as_str().unwrap()));
        }
        admin.narrow(true);
        let beyond = admin.ask("document.documentElement.scrollWidth - window.innerWidth").as_i64().unwrap();
        if beyond > 0 {
            faults.push(format!("{name}: {beyond} pixels beyond a small screen: {}", widest(&admin)));
        }
        admin.picture(&format!("{name}-narrow"));
        admin.narrow(false);
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

/// What sticks out of a narrow page.
fn widest(person: &Person) -> Value {
    person.ask(
        "Array.from(document.querySelectorAll('#region-main *'))
            .filter(element => element.getBoundingClientRect().right > window.innerWidth + 1)
            .map(element => element.tagName + '.' + element.className).slice(0, 5).join(' ')",
    )
}

#[test]
fn nothing_in_english_shows_on_a_french_page() {
    let Some(stage) = alone() else { return };
    let texts = |language: &str| -> Value {
        let file = root::workspace().join(format!("php/local/vmoodle/lang/{language}/local_vmoodle.php"));
        let script = "define('MOODLE_INTERNAL', 1); include($argv[1]); echo json_encode($string);";
        serde_json::from_str(&output(php::command().args(["-r", script]).arg(file))).unwrap()
    };
    let french = texts("fr");
    let mut settings = stage.farm.script("admin/cli/cfg.php", None);
    output(settings.args(["--name=debugstringids", "--set=1"]));
    let admin = stage.administrator();
    admin.open("/local/vmoodle/farm.php?lang=fr");
    let mut faults = Vec::new();
    for (name, address) in pages(&stage) {
        // Moodle says after each text which string it is: where it is one of ours, it must be the French one, and what is
        // none at all must be a fact and no sentence.
        admin.open(&format!("{address}&strings=1"));
        let found = admin.ask(&format!("({LOOK})({french})"));
        let found: Vec<String> = serde_json::from_str(found.as_str().unwrap()).unwrap();
        faults.extend(found.into_iter().map(|text| format!("{name}: {text}")));
    }
    // What only a form that was sent shows: a plan, and the question before what is dangerous.
    for (operation, fill) in [("set_config", "#id_p_value"), ("reset_admin", ""), ("retire_tenant", "")] {
        admin.open(&format!("/local/vmoodle/run.php?operation={operation}&targets={SCHOOL}"));
        if fill == "#id_p_value" {
            admin.complete("p_name", "supportname");
            admin.fill(fill, "Aide");
        }
        admin.fill("#id_delay", "5");
        admin.ask(
            "document.querySelector('#region-main form.mform').insertAdjacentHTML('beforeend',
            '<input type=\"hidden\" name=\"strings\" value=\"1\">')",
        );
        admin.follow("#id_plan");
        let found = admin.ask(&format!("({LOOK})({french})"));
        let found: Vec<String> = serde_json::from_str(found.as_str().unwrap()).unwrap();
        faults.extend(found.into_iter().map(|text| format!("plan of {operation}: {text}")));
    }
    output(stage.farm.script("admin/cli/cfg.php", None).args(["--name=debugstringids", "--set=0"]));
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

/// Looks at every text of the page; gives those that are not French and should be.
const LOOK: &str = r"french => {
    const faults = new Set();
    const mark = /\s*\{([^{}\/\s]+)\/(\w*)\}/g;
    const pattern = text => new RegExp(text.split(/\{\$a(?:->\w+)?\}/)
        .map(part => part.replace(/[.*+?^${}()|[\]\\]/g, '\\$&').replace(/\s+/g, '\\s+')).join('[^]*') + '\\s*$');
    const judge = text => {
        const words = text.trim();
        if (!words) {
            return;
        }
        let marked = false;
        for (const found of words.matchAll(mark)) {
            // A text may have others in it.
            const said = words.slice(0, found.index).replace(mark, '').trim();
            marked = true;
            // What the extension says stands beside such a sentence, not in it.
            const told = /^(error|warning)_/.test(found[1]);
            const wanted = (french[found[1]] || '').replace(told ? /[\s:]*\{\$a\}$/ : /$^/, '');
            // Of a text that ends with another element the mark stands alone behind it.
            if (said && found[2] === 'local_vmoodle' && !pattern(wanted).test(told ? said.replace(/[\s:]+$/, '') : said)) {
                faults.add(`${found[1]}: ${said}`);
            }
        }
        // Two words with a space between are a sentence, unless they are the name of a site or number and name of a snapshot.
        // The last two are Moodle's own, whose scripts ask for them without the mark.
        if (!marked && /\p{Ll}{2,} \p{Ll}{2,}/u.test(words)
                && !/^Site \S+$|^\d+-\S+-[0-9a-f]{6} \S+$|^Selected items:$|^Click to enter text$/u.test(words)) {
            faults.add(`no string: ${words}`);
        }
    };
    const main = document.querySelector('#region-main');
    const walker = document.createTreeWalker(main, NodeFilter.SHOW_TEXT);
    while (walker.nextNode()) {
        const parent = walker.currentNode.parentElement;
        const english = parent.closest('[lang=en]');
        if (english && english.checkVisibility()) {
            faults.add(`unfolded: ${walker.currentNode.data}`);
        }
        if (!english && !['SCRIPT', 'STYLE', 'CODE', 'PRE', 'TEXTAREA'].includes(parent.tagName)) {
            judge(walker.currentNode.data);
        }
    }
    main.querySelectorAll('*').forEach(element => {
        ['title', 'aria-label', 'placeholder', 'alt'].forEach(name => judge(element.getAttribute(name) || ''));
        if (element.matches('input[type=submit], input[type=button]')) {
            judge(element.value);
        }
    });
    return JSON.stringify(Array.from(faults));
}";
