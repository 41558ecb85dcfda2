# vmoodle: everything a person types. `make help` says what there is.

MOODLE_DIR ?= /opt/moodle
PHP_CONFIG ?= php-config
DESTDIR    ?=
CARGO      ?= cargo
export MOODLE_DIR

.PHONY: help setup demo demo-keep test bench build moodle-dir install

help: ## Says what there is.
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 20

setup: ## Installs what this machine lacks (as root, with apt); otherwise names it.
	@.ci/setup

demo: setup ## Runs a farm of three sites with servers of its own and shows what each host answers.
	@$(CARGO) run --quiet --locked -p vmoodle-tests --bin demo

demo-keep: setup ## The same, and keeps it running until Ctrl-C for a visit with a browser.
	@$(CARGO) run --quiet --locked -p vmoodle-tests --bin demo -- --keep

test: setup ## Runs all tests.
	$(CARGO) test --workspace --locked

bench: setup ## Measures (see benches/).
	$(CARGO) bench --locked -p vmoodle-benches

build: ## Builds the extension as it is installed.
	$(CARGO) build --release --locked -p vmoodle-php

moodle-dir:
	@test -f "$(MOODLE_DIR)/version.php" || { echo "MOODLE_DIR=$(MOODLE_DIR) holds no Moodle" >&2; exit 1; }

install: moodle-dir build ## Installs the plugin in MOODLE_DIR, and the extension in this machine's PHP (DESTDIR, PHP_CONFIG).
	@# The original VMoodle stands where ours will: it goes out of the code base, not away.
	@if [ -e "$(MOODLE_DIR)/local/vmoodle/bootlib.php" ]; then \
	    aside="$$(realpath "$(MOODLE_DIR)/..")/vmoodle-original-$$(date +%Y%m%d-%H%M%S)"; \
	    mv "$(MOODLE_DIR)/local/vmoodle" "$$aside" && echo "the original VMoodle stands in $$aside now"; \
	fi
	@for plugin in $(wildcard php/*/*); do rm -rf "$(MOODLE_DIR)/$${plugin#php/}"; done
	cp -a --no-preserve=ownership php/. "$(MOODLE_DIR)/"
	install -D -m 755 "$${CARGO_TARGET_DIR:-target}/release/libvmoodle.so" \
	    "$(DESTDIR)$$($(PHP_CONFIG) --extension-dir)/vmoodle.so"
	@set -e; conf="$$($(PHP_CONFIG) --ini-dir)"; etc="$${conf%/*/conf.d}"; \
	case "$$conf" in \
	/etc/php/*/*/conf.d) \
	    ini="$(DESTDIR)$$etc/mods-available/vmoodle.ini"; mkdir -p "$${ini%/*}"; \
	    printf '; priority=20\nextension=vmoodle.so\n' >"$$ini"; echo "wrote $$ini"; \
	    for sapi in cli fpm; do \
	        link="$(DESTDIR)$$etc/$$sapi/conf.d/20-vmoodle.ini"; \
	        if [ -n "$(DESTDIR)" ] || [ ! -d "$$etc/$$sapi" ] || ! command -v phpenmod >/dev/null; then \
	            mkdir -p "$${link%/*}"; ln -sf "$$etc/mods-available/vmoodle.ini" "$$link"; \
	        else phpenmod -v "$${etc##*/}" -s "$$sapi" vmoodle; fi; \
	        echo "enabled for $$sapi"; \
	    done ;; \
	*) \
	    mkdir -p "$(DESTDIR)$$conf"; echo 'extension=vmoodle.so' >"$(DESTDIR)$$conf/20-vmoodle.ini"; \
	    echo "wrote $(DESTDIR)$$conf/20-vmoodle.ini" ;; \
	esac
	@echo
	@echo "Restart php-fpm. $(MOODLE_DIR)/config.php needs this line just before the one with lib/setup.php:"
	@echo "    require(__DIR__ . '/local/vmoodle/boot.php');"
	@echo "Then, as the user that PHP runs as on the web:"
	@echo "    cd $(MOODLE_DIR) && php admin/cli/upgrade.php"
	@echo "    cd $(MOODLE_DIR) && php local/vmoodle/cli/publish.php"
	@echo "    cd $(MOODLE_DIR) && php local/vmoodle/cli/upgrade.php"
