<?php
// This file is part of Moodle - https://moodle.org/
//
// Moodle is free software: you can redistribute it and/or modify
// it under the terms of the GNU General Public License as published by
// the Free Software Foundation, either version 3 of the License, or
// (at your option) any later version.
//
// Moodle is distributed in the hope that it will be useful,
// but WITHOUT ANY WARRANTY; without even the implied warranty of
// MERCHANTABILITY or FITNESS FOR A PARTICULAR PURPOSE.  See the
// GNU General Public License for more details.
//
// You should have received a copy of the GNU General Public License
// along with Moodle.  If not, see <https://www.gnu.org/licenses/>.

namespace local_vmoodle\local;

/**
 * The answer to a request that boot.php does not serve, given before Moodle exists: no function of Moodle may be used here.
 *
 * Visitors learn the status and nothing about the farm; the operator finds the reason in the server's log.
 *
 * @package    local_vmoodle
 * @copyright  2026 The vmoodle authors
 * @license    https://www.gnu.org/copyleft/gpl.html GNU GPL v3 or later
 */
final class refusal {
    /** @var string[] the languages that lang/ has texts for; the first one is the fall back. */
    private const LANGUAGES = ['en', 'fr'];

    /** @var int[] the statuses that may leave this file; anything else becomes 503. */
    private const STATUSES = [200, 301, 308, 404, 503];

    /** @var int seconds after which a visitor may try again, where the refusal names none. */
    private const RETRY_AFTER = 300;

    /** @var int the HTTP status of the answer. */
    private readonly int $status;

    /**
     * Reads what boot threw.
     *
     * @param \Throwable $cause a refusal of the native boot, a mistake in its settings, or the error that there is no native boot
     */
    public function __construct(
        /** @var \Throwable what boot threw. */
        private readonly \Throwable $cause
    ) {
        $status = method_exists($cause, 'getLocation') ? (int)$cause->getCode() : 503;
        $sound = in_array($status, self::STATUSES, true)
            && (!$this->is_redirect($status) || $cause->getLocation())
            && ($status !== 200 || $this->code() === 'node_health');
        $this->status = $sound ? $status : 503;
    }

    /**
     * Answers and ends the process.
     *
     * @return never
     */
    public function answer(): never {
        if (PHP_SAPI === 'cli' || PHP_SAPI === 'phpdbg') {
            $this->answer_terminal();
        }
        if ($this->is_redirect($this->status)) {
            $this->answer_redirect();
        }
        if ($this->status !== 200) {
            // phpcs:ignore moodle.PHP.ForbiddenFunctions.FoundWithAlternative -- Moodle's debugging() is not there yet.
            error_log($this->log_line());
        }
        if ($this->code() === 'node_health') {
            $this->answer_health();
        }
        $this->answer_page();
    }

    /**
     * The command line: the reason on stderr and exit code 1, never a fall back to another site.
     *
     * @return never
     */
    private function answer_terminal(): never {
        $texts = self::texts(self::terminal_language());
        $lines = ['vmoodle: ' . $this->reason($texts)];
        $hint = method_exists($this->cause, 'getHint') ? self::escape((string)$this->cause->getHint()) : '';
        if ($hint !== '' && !str_contains($lines[0], $hint)) {
            $lines[] = $texts['hint'] . ' ' . $hint;
        }
        file_put_contents('php://stderr', implode(PHP_EOL, $lines) . PHP_EOL);
        exit(1);
    }

    /**
     * An alias: sends the browser to the tenant's own address.
     *
     * @return never
     */
    private function answer_redirect(): never {
        // A browser keeps a 301 for ever unless told otherwise, and an alias may move to another tenant.
        header('Cache-Control: private, max-age=300');
        header('Location: ' . $this->cause->getLocation(), true, $this->status);
        header_remove('X-Powered-By');
        exit;
    }

    /**
     * A load balancer: whether this node can serve, in one word.
     *
     * @return never
     */
    private function answer_health(): never {
        http_response_code($this->status);
        header('Content-Type: text/plain; charset=utf-8');
        $this->send_common_headers();
        if (($_SERVER['REQUEST_METHOD'] ?? 'GET') !== 'HEAD') {
            echo $this->status === 200 ? "ok\n" : "unavailable\n";
        }
        exit;
    }

    /**
     * A plain page that needs no further file, style sheet or script.
     *
     * @return never
     */
    private function answer_page(): never {
        $language = self::browser_language((string)($_SERVER['HTTP_ACCEPT_LANGUAGE'] ?? ''));
        $texts = self::texts($language);
        $kind = $this->status === 404 ? 'unknown' : 'unavailable';
        if (!headers_sent()) {
            http_response_code($this->status);
            header('Content-Type: text/html; charset=utf-8');
            header('Content-Language: ' . $language);
            header('Vary: Accept-Language');
            header("Content-Security-Policy: default-src 'none'; style-src 'unsafe-inline'");
            $this->send_common_headers();
        }
        if (($_SERVER['REQUEST_METHOD'] ?? 'GET') !== 'HEAD') {
            echo self::page($language, $texts[$kind . 'title'], $texts[$kind . 'text']);
        }
        exit;
    }

    /**
     * The headers of every answer that is not a redirect.
     */
    private function send_common_headers(): void {
        header('Cache-Control: no-store');
        header('X-Robots-Tag: noindex');
        header('X-Content-Type-Options: nosniff');
        header_remove('X-Powered-By');
        if ($this->status === 503) {
            $seconds = method_exists($this->cause, 'getRetryAfter') ? (int)$this->cause->getRetryAfter() : 0;
            header('Retry-After: ' . ($seconds > 0 ? $seconds : self::RETRY_AFTER));
        }
    }

    /**
     * The page's HTML.
     *
     * @param string $language its language code
     * @param string $title its heading
     * @param string $text its one paragraph
     * @return string a whole document
     */
    private static function page(string $language, string $title, string $text): string {
        $title = htmlspecialchars($title, ENT_QUOTES | ENT_SUBSTITUTE, 'UTF-8');
        $text = htmlspecialchars($text, ENT_QUOTES | ENT_SUBSTITUTE, 'UTF-8');
        return <<<HTML
            <!DOCTYPE html>
            <html lang="{$language}">
            <head>
            <meta charset="utf-8">
            <meta name="viewport" content="width=device-width, initial-scale=1">
            <meta name="robots" content="noindex">
            <title>{$title}</title>
            <style>
            body { font: 1.125rem/1.5 sans-serif; color: #1d2125; background: #fff; margin: 0; }
            main { max-width: 40rem; margin: 15vh auto 0; padding: 0 1.5rem; }
            h1 { font-size: 1.75rem; line-height: 1.2; }
            </style>
            </head>
            <body>
            <main>
            <h1>{$title}</h1>
            <p>{$text}</p>
            </main>
            </body>
            </html>

            HTML;
    }

    /**
     * One line for the server's log.
     *
     * @return string the status, the stable code and the reason in words
     */
    private function log_line(): string {
        return 'vmoodle: ' . $this->status . ' ' . self::escape($this->code()) . ': ' . $this->reason(self::texts('en'));
    }

    /**
     * The stable code of what boot threw.
     *
     * @return string boot_failed where the native extension gave none
     */
    private function code(): string {
        return method_exists($this->cause, 'getReason') ? (string)$this->cause->getReason() : 'boot_failed';
    }

    /**
     * Why boot failed, in words for the operator; never the trace, whose arguments may hold secrets.
     *
     * @param string[] $texts the texts of one language
     * @return string one line
     */
    private function reason(array $texts): string {
        if (!extension_loaded('vmoodle') && !method_exists($this->cause, 'getReason')) {
            return str_replace('{$a}', PHP_SAPI, $texts['noextension']);
        }
        return self::escape($this->cause->getMessage());
    }

    /**
     * Makes a text fit for one line of a log or a terminal.
     *
     * @param string $text any bytes
     * @return string printable UTF-8 of at most 1,000 bytes, other bytes written as \xNN
     */
    private static function escape(string $text): string {
        $valid = preg_match('//u', $text) === 1;
        $unsafe = $valid ? '/[\p{Cc}\p{Cf}\x{2028}\x{2029}]/u' : '/[^\x20-\x7e]/';
        $text = preg_replace_callback($unsafe, static function (array $match): string {
            return '\x' . implode('\x', str_split(bin2hex($match[0]), 2));
        }, $text);
        return strlen($text) > 1000 ? preg_replace('/[\x80-\xff]+$/', '', substr($text, 0, 997)) . '...' : $text;
    }

    /**
     * The language that the browser asks for.
     *
     * @param string $header Accept-Language as sent
     * @return string one of LANGUAGES
     */
    private static function browser_language(string $header): string {
        $best = self::LANGUAGES[0];
        $bestquality = 0.0;
        foreach (array_slice(explode(',', substr($header, 0, 500)), 0, 20) as $range) {
            $parts = explode(';', $range);
            $language = strtolower(substr(trim($parts[0]), 0, 2));
            $quality = 1.0;
            if (isset($parts[1]) && preg_match('/^\s*q\s*=\s*([01](?:\.\d{0,3})?)\s*$/', $parts[1], $match)) {
                $quality = (float)$match[1];
            }
            if ($quality > $bestquality && in_array($language, self::LANGUAGES, true)) {
                $best = $language;
                $bestquality = $quality;
            }
        }
        return $best;
    }

    /**
     * The language of the terminal.
     *
     * @return string one of LANGUAGES
     */
    private static function terminal_language(): string {
        $locale = getenv('LC_ALL') ?: getenv('LC_MESSAGES') ?: getenv('LANG') ?: '';
        $language = strtolower(substr($locale, 0, 2));
        return in_array($language, self::LANGUAGES, true) ? $language : self::LANGUAGES[0];
    }

    /**
     * The texts of one language.
     *
     * @param string $language one of LANGUAGES
     * @return string[] text by key
     */
    private static function texts(string $language): array {
        return require(dirname(__DIR__, 2) . '/lang/' . $language . '/boot.php');
    }

    /**
     * Whether a status sends the browser elsewhere.
     *
     * @param int $status an HTTP status
     * @return bool true for 301 and 308
     */
    private function is_redirect(int $status): bool {
        return $status === 301 || $status === 308;
    }
}
