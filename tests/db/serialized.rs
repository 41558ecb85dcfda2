//! What we make of serialised values, read by PHP itself.

use std::fmt::Write;
use std::process::Command;

use support::need::{self, Need, program};
use support::process::{output, output_of_input};
use vmoodle_core::moodle::serialized;

/// Values with everything that PHP serialises, the text `old` in many places; printed as hexadecimal, one a line.
const WRITE: &str = r#"
class Box { public $a = 'old'; protected $b = ['old' => 'old é']; private $c = 1.5; }
enum Suit: string { case Hearts = 'old'; }
$shared = (object) ['text' => 'an old text', 'url' => 'https://old.example.org/'];
$list = ['x old', 'n' => null, 'b' => true, 'f' => [0.1, -INF, 1e25, PHP_INT_MIN]];
$list['self'] = &$list['n'];
foreach ([
    'old', $list, [$shared, $shared, 'o' => $shared], new Box(), [Suit::Hearts, 'old'],
    (object) ['title' => "l'old \"🌞\"", 'text' => '<a href="old">old</a>', 'format' => '1'],
    [[[['deep' => ['old' => "old\0old\r\n"]]]]], new ArrayObject(['old']),
] as $value) {
    echo bin2hex(serialize($value)), "\n";
}
"#;

/// For each line (what was written, a tab, what we made of it): whether that is what a recursive replacement makes.
const COMPARE: &str = r#"
class Box { public $a = 'old'; protected $b = ['old' => 'old é']; private $c = 1.5; }
enum Suit: string { case Hearts = 'old'; }
function replaced(&$value, array &$seen): void {
    if (is_string($value)) {
        $value = str_replace('old', 'brand-né', $value);
    } else if (is_array($value)) {
        foreach ($value as &$member) {
            replaced($member, $seen);
        }
    } else if ($value instanceof ArrayObject) {
        $copy = $value->getArrayCopy();
        replaced($copy, $seen);
        $value->exchangeArray($copy);
    } else if (is_object($value) && !($value instanceof UnitEnum) && !isset($seen[spl_object_id($value)])) {
        $seen[spl_object_id($value)] = true;
        $members = function () use (&$seen) {
            foreach ($this as &$member) {
                replaced($member, $seen);
            }
        };
        Closure::bind($members, $value, $value instanceof Box ? Box::class : 'static')();
    }
}
foreach (file('php://stdin', FILE_IGNORE_NEW_LINES) as $line) {
    [$before, $after] = array_map('hex2bin', explode("\t", $line));
    $seen = [];
    $value = unserialize($before);
    replaced($value, $seen);
    echo serialize($value) === $after && unserialize($after) !== false ? 'same' : "$after\n" . serialize($value), "\n";
}
"#;

fn hex(octets: &[u8]) -> String {
    octets.iter().fold(String::new(), |mut text, octet| {
        write!(text, "{octet:02x}").unwrap();
        text
    })
}

#[test]
fn php_reads_what_was_rewritten_as_a_recursive_str_replace() {
    let Some(()) = need::all(&[Need::Php]) else { return };
    let php = |code: &str| {
        let mut command = Command::new(program("php").unwrap());
        command.args(["-n", "-r", code]);
        command
    };
    let written = output(&mut php(WRITE));
    let replace = |text: &[u8]| {
        let text = std::str::from_utf8(text).unwrap();
        text.contains("old").then(|| text.replace("old", "brand-né").into_bytes())
    };
    let mut pairs = String::new();
    for line in written.lines() {
        let before: Vec<u8> =
            (0..line.len()).step_by(2).map(|at| u8::from_str_radix(&line[at..at + 2], 16).unwrap()).collect();
        let after = serialized::rewrite(&before, &replace).unwrap().expect("`old` is in each");
        writeln!(pairs, "{line}\t{}", hex(&after)).unwrap();
    }
    let compared = output_of_input(&mut php(COMPARE), pairs.as_bytes());
    let lines: Vec<&str> = compared.lines().collect();
    assert_eq!(lines, vec!["same"; written.lines().count()], "{compared}");
}
