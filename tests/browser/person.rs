//! A person with a browser: opens pages, types, clicks, presses keys, and sees what a page says.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use headless_chrome::protocol::cdp::{Emulation, Input, Page};
use headless_chrome::{Browser, Element, LaunchOptions, Tab};
use serde_json::{Value, json};
use support::need::program;
use support::process::is_root;
use support::scratch::Scratch;
use support::wait;

/// How long a page may take on a busy machine.
const LIMIT: Duration = Duration::from_mins(2);

/// A width on which nobody should have to scroll sideways, in CSS pixels (WCAG 2.1, 1.4.10).
const NARROW: u32 = 320;

/// A person with a browser of their own.
pub(crate) struct Person {
    tab: Arc<Tab>,
    // Ends before its folder goes.
    _browser: Browser,
    _folder: Scratch,
    host: String,
}

impl Person {
    /// Somebody whose browser finds every host of the farm on this port.
    pub(crate) fn new(host: &str, port: u16) -> Self {
        let folder = Scratch::new("browser");
        let rules = format!("--host-resolver-rules=MAP *.example.org 127.0.0.1:{port}");
        let arguments = [
            &rules,
            "--disable-features=HttpsUpgrades,HttpsFirstBalancedModeAutoEnable",
            "--disable-dev-shm-usage",
            "--lang=en",
        ];
        let options = LaunchOptions::default_builder()
            .path(Some(launcher(folder.path())))
            .user_data_dir(Some(folder.folder("profile")))
            .sandbox(!is_root())
            .window_size(Some((1280, 1200)))
            .idle_browser_timeout(Duration::from_mins(10))
            .args(arguments.iter().map(OsStr::new).collect())
            .build()
            .unwrap();
        let browser = Browser::new(options).unwrap();
        let tab = browser.new_tab().unwrap();
        tab.set_default_timeout(LIMIT);
        // What goes wrong in a script of the page is kept for `settle`.
        let watch = "window.vmoodleFaults = [];
            window.addEventListener('error', event => window.vmoodleFaults.push(event.message));
            window.addEventListener('unhandledrejection', event => window.vmoodleFaults.push(String(event.reason)));";
        tab.call_method(Page::AddScriptToEvaluateOnNewDocument {
            source: watch.into(),
            world_name: None,
            include_command_line_api: None,
            run_immediately: None,
        })
        .unwrap();
        Self { tab, _browser: browser, _folder: folder, host: host.to_owned() }
    }

    /// Opens a page of the person's site.
    pub(crate) fn open(&self, path: &str) {
        self.ask("window.vmoodleLeft = true");
        self.tab.navigate_to(&format!("http://{}{path}", self.host)).unwrap();
        self.settle();
    }

    /// Opens the page anew.
    pub(crate) fn look_again(&self) {
        let path = self.ask("location.pathname + location.search");
        self.open(path.as_str().unwrap());
    }

    /// Waits until the page is there and its scripts have done what they do at first.
    pub(crate) fn settle(&self) {
        let ready = "window.vmoodleLeft || document.readyState !== 'complete' ? 'leaving'
            : window.M && M.util && M.util.pending_js && M.util.pending_js.length ? M.util.pending_js.join() : 'ready'";
        let mut last = Value::Null;
        let settled = wait::holds_within(LIMIT, || {
            // While a page goes and another one comes there is nobody to answer.
            last = self.try_ask(ready).unwrap_or_default();
            last == "ready"
        });
        assert!(settled, "{} does not come to rest: {last}", self.tab.get_url());
        let faults = self.ask("JSON.stringify(window.vmoodleFaults || [])");
        assert_eq!(faults, "[]", "scripts of {}", self.tab.get_url());
    }

    /// Clicks what this selector finds, and stays on the page.
    pub(crate) fn click(&self, selector: &str) {
        self.find(selector).click().unwrap_or_else(|error| panic!("{selector}: {error}"));
        self.settle();
    }

    /// Clicks what this selector finds, and waits for the page that it leads to.
    pub(crate) fn follow(&self, selector: &str) {
        let element = self.find(selector);
        self.leave(selector, || element.click().map(|_| ()));
    }

    /// Runs the operation of the form, as it was planned, and waits for the page of its job.
    pub(crate) fn run(&self) {
        self.follow("#id_run");
        assert_eq!(self.ask("location.pathname"), "/local/vmoodle/job.php", "{}", self.text());
    }

    /// Clicks the link or button with this text, and waits for the page that it leads to.
    pub(crate) fn follow_text(&self, text: &str) {
        let path = format!(
            "//main//a[normalize-space()='{text}'] | //main//button[normalize-space()='{text}'] \
             | //*[@role='main']//a[normalize-space()='{text}'] | //*[@role='main']//button[normalize-space()='{text}'] \
             | //input[@type='submit'][@value='{text}']"
        );
        let element = self.tab.find_element_by_xpath(&path).unwrap_or_else(|error| self.fail(text, &error));
        self.leave(text, || element.click().map(|_| ()));
    }

    /// Presses a key, and waits for the page that it leads to.
    pub(crate) fn press_and_follow(&self, key: &str) {
        self.leave(key, || self.tab.press_key(key).map(|_| ()));
    }

    /// Presses a key.
    pub(crate) fn press(&self, key: &str) {
        self.tab.press_key(key).unwrap();
        self.settle();
    }

    /// Goes to a field or button with the Tab key, as somebody without a mouse does.
    pub(crate) fn tab_to(&self, selector: &str) {
        let here = format!("document.activeElement === document.querySelector({})", json!(selector));
        for _ in 0..300 {
            if self.ask(&here) == json!(true) {
                return;
            }
            self.tab.press_key("Tab").unwrap();
        }
        panic!("the Tab key never comes to {selector} on {}", self.tab.get_url());
    }

    /// Types where the cursor is.
    pub(crate) fn write(&self, text: &str) {
        self.tab.call_method(Input::InsertText { text: text.to_owned() }).unwrap();
        self.settle();
    }

    /// Puts a text in a field, in place of what it holds.
    pub(crate) fn fill(&self, selector: &str, text: &str) {
        self.find(selector).focus().unwrap();
        self.ask(&format!("document.querySelector({}).select()", json!(selector)));
        if text.is_empty() {
            self.press("Delete");
        } else {
            self.write(text);
        }
    }

    /// Chooses a value of a list.
    pub(crate) fn choose(&self, selector: &str, value: &str) {
        self.find(selector);
        let (selector, value) = (json!(selector), json!(value));
        let known = self.ask(&format!(
            "(() => {{
                const list = document.querySelector({selector});
                list.value = {value};
                list.dispatchEvent(new Event('change', {{bubbles: true}}));
                return list.value;
            }})()"
        ));
        assert_eq!(known, value, "{selector} has no such value");
        self.settle();
    }

    /// Types a value in a field that completes it, and takes it.
    pub(crate) fn complete(&self, name: &str, value: &str) {
        self.find(&format!("#fitem_id_{name} input[type=text]")).focus().unwrap();
        self.write(value);
        self.press("Enter");
        let shown = self.ask(&format!(
            "Array.from(document.querySelectorAll('#id_{name} option:checked')).map(o => o.value).join()"
        ));
        assert_eq!(shown, value, "what {name} has taken");
    }

    /// What the page says between its header and its footer.
    pub(crate) fn text(&self) -> String {
        // A page that loads itself anew says nothing for a moment.
        let text =
            self.try_ask("(document.querySelector('[role=main]') || document.body).innerText").unwrap_or_default();
        text.as_str().unwrap_or_default().to_owned()
    }

    /// Whether something is on the page and can be seen.
    pub(crate) fn sees(&self, selector: &str) -> bool {
        let seen = format!("(e => e !== null && e.offsetParent !== null)(document.querySelector({}))", json!(selector));
        self.try_ask(&seen) == Ok(json!(true))
    }

    /// What a script in the page gives: a text, a number or a yes and no; a promise is waited for.
    pub(crate) fn ask(&self, script: &str) -> Value {
        self.try_ask(script).unwrap_or_else(|error| panic!("{script}: {error}"))
    }

    fn try_ask(&self, script: &str) -> Result<Value, String> {
        let answer = self.tab.evaluate(script, true).map_err(|error| error.to_string())?;
        if answer.subtype.is_some() && answer.value.is_none() {
            return Err(answer.description.unwrap_or_default());
        }
        Ok(answer.value.unwrap_or_default())
    }

    /// Looks at the page on a narrow screen, or again on a wide one.
    pub(crate) fn narrow(&self, narrow: bool) {
        let (width, height) = if narrow { (NARROW, 800) } else { (1280, 1200) };
        self.tab
            .call_method(Emulation::SetDeviceMetricsOverride {
                width,
                height,
                device_scale_factor: 1.0,
                mobile: false,
                scale: None,
                screen_width: None,
                screen_height: None,
                position_x: None,
                position_y: None,
                dont_set_visible_size: None,
                screen_orientation: None,
                viewport: None,
                display_feature: None,
                device_posture: None,
            })
            .unwrap();
        self.settle();
    }

    /// Keeps a picture of the page, where `VMOODLE_PICTURES` says.
    pub(crate) fn picture(&self, name: &str) {
        let Some(folder) = std::env::var_os("VMOODLE_PICTURES") else { return };
        // A chart grows for a moment.
        let charts = "Array.from(document.querySelectorAll('canvas')).map(chart => chart.toDataURL()).join()";
        let mut last = Value::Null;
        wait::holds_within(Duration::from_secs(10), || {
            let before = std::mem::replace(&mut last, self.ask(charts));
            std::thread::yield_now();
            before == last
        });
        let png = self.tab.capture_screenshot(Page::CaptureScreenshotFormatOption::Png, None, None, true).unwrap();
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(Path::new(&folder).join(format!("{name}.png")), png).unwrap();
    }

    fn leave<E: std::fmt::Display>(&self, what: &str, act: impl FnOnce() -> Result<(), E>) {
        self.ask("window.vmoodleLeft = true");
        act().unwrap_or_else(|error| panic!("{what}: {error}"));
        self.settle();
    }

    fn find(&self, selector: &str) -> Element<'_> {
        self.tab.find_element(selector).unwrap_or_else(|error| self.fail(selector, &error))
    }

    fn fail(&self, what: &str, error: &dyn std::fmt::Display) -> ! {
        panic!("no {what} on {}: {error}\n{}", self.tab.get_url(), self.text());
    }
}

/// A program that starts Chromium and ends with this process, whatever becomes of it.
fn launcher(folder: &Path) -> PathBuf {
    let chromium = program("chromium").expect("needed");
    let path = folder.join("chromium");
    let text = format!("#!/bin/sh\nexec setpriv --pdeathsig KILL {} \"$@\"\n", chromium.display());
    std::fs::write(&path, text).unwrap();
    support::process::output(std::process::Command::new("chmod").arg("755").arg(&path));
    path
}
