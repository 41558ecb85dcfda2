//! Where PHP values stand: in memory of the request, which PHP frees, or in ours, for values of every request.

use std::cell::Cell;

use ext_php_rs::ffi::{IS_ARRAY, ext_php_rs_zend_string_release, zend_hash_update, zend_string};
use ext_php_rs::flags::ZvalTypeFlags;
use ext_php_rs::types::{ArrayKey, ZendHashTable, ZendStr, Zval};

unsafe extern "C" {
    /// `Zend/zend_hash.c`: makes a table in memory given for it.
    fn _zend_hash_init(
        table: *mut ZendHashTable,
        size: u32,
        destructor: Option<unsafe extern "C" fn(*mut Zval)>,
        persistent: bool,
    );
    /// `Zend/zend_hash.c`: frees what a table holds, not the table.
    fn zend_hash_destroy(table: *mut ZendHashTable);
}

/// What an array of ours says of itself (`Zend/zend_types.h`): an array, not for the cycle collector
/// (`GC_NOT_COLLECTABLE`), in memory of the process (`GC_PERSISTENT`).
const ARRAY: u32 = IS_ARRAY | 1 << 4 | 1 << 7;

thread_local! {
    /// How many requests this thread has ended.
    static ENDED: Cell<u64> = const { Cell::new(0) };
}

/// Notes that a request has ended and that no value of PHP is left of it.
pub(crate) fn request_is_over() {
    ENDED.set(ENDED.get() + 1);
}

/// Makes values.
pub(crate) trait Memory {
    /// A text.
    fn text(&mut self, text: &str) -> Zval;
    /// An array of so many entries, as `fill` fills it.
    fn array(&mut self, size: usize, fill: impl FnOnce(&mut Self, &mut ZendHashTable)) -> Zval;
    /// Puts a value into an array that is being filled; a name like `12` becomes a number, as always in PHP.
    fn put(&mut self, table: &mut ZendHashTable, name: &str, value: Zval);
}

/// Memory of the request.
pub(crate) struct OfRequest;

impl Memory for OfRequest {
    fn text(&mut self, text: &str) -> Zval {
        crate::shape::value(text)
    }

    fn array(&mut self, size: usize, fill: impl FnOnce(&mut Self, &mut ZendHashTable)) -> Zval {
        let mut table = ZendHashTable::with_capacity(u32::try_from(size).unwrap_or_default());
        fill(self, &mut table);
        crate::shape::value(table)
    }

    fn put(&mut self, table: &mut ZendHashTable, name: &str, value: Zval) {
        // Only a full table would refuse it.
        let _ = table.insert(name, value);
    }
}

/// Memory of the process, freed as a whole.
///
/// Its texts and arrays are counted, and one reference to each is ours: PHP never gives back the last one, so it neither
/// frees a value nor changes it in place. (Immutable arrays would spare the counting of the array, but PHP copies one
/// without counting what is in it: `zend_array_dup`.)
///
/// No value of PHP outlives its request, but a request that ends quickly does not give back its references
/// (`shutdown_executor` in `Zend/zend_execute_API.c`). Counts therefore begin anew in each request, and what no value of
/// this request came from is free.
pub(crate) struct OfProcess {
    /// What [`ENDED`] was when values were last given out.
    lent: u64,
    texts: Vec<*mut zend_string>,
    keys: Vec<*mut zend_string>,
    tables: Vec<*mut ZendHashTable>,
}

impl OfProcess {
    /// Empty memory, from which this request may take values.
    pub(crate) fn new() -> Self {
        Self { lent: ENDED.get(), texts: Vec::new(), keys: Vec::new(), tables: Vec::new() }
    }

    /// Whether this request may hold values from here.
    pub(crate) fn is_lent(&self) -> bool {
        self.lent == ENDED.get()
    }

    /// Lets this request take values.
    pub(crate) fn lend(&mut self) {
        if !self.is_lent() {
            self.count_anew();
            self.lent = ENDED.get();
        }
    }

    fn count_anew(&self) {
        for text in self.texts.iter().chain(&self.keys) {
            // SAFETY: the strings are ours, and alive until `drop`.
            unsafe { (**text).gc.refcount = 1 };
        }
        for table in &self.tables {
            // SAFETY: as above. A fatal error may have left the mark of a walk through the array, too.
            unsafe {
                (**table).gc.refcount = 1;
                (**table).gc.u.type_info = ARRAY;
            }
        }
    }
}

impl Memory for OfProcess {
    fn text(&mut self, text: &str) -> Zval {
        let string = ZendStr::new(text, true).into_raw();
        self.texts.push(string);
        let mut value = Zval::new();
        value.u1.type_info = ZvalTypeFlags::StringEx.bits();
        value.value.str_ = string;
        value
    }

    fn array(&mut self, size: usize, fill: impl FnOnce(&mut Self, &mut ZendHashTable)) -> Zval {
        let table = Box::into_raw(Box::<ZendHashTable>::new_uninit()).cast::<ZendHashTable>();
        // SAFETY: the engine makes a table of memory that is large enough, which is ours alone as long as it is filled.
        // It has no destructor: what it holds is freed by `drop`.
        unsafe {
            _zend_hash_init(table, u32::try_from(size).unwrap_or_default(), None, true);
            fill(self, &mut *table);
            (*table).gc.u.type_info = ARRAY;
        }
        self.tables.push(table);
        let mut value = Zval::new();
        value.u1.type_info = ZvalTypeFlags::ArrayEx.bits();
        value.value.arr = table;
        value
    }

    fn put(&mut self, table: &mut ZendHashTable, name: &str, mut value: Zval) {
        if let ArrayKey::Long(number) = ArrayKey::from(name) {
            let _ = table.insert_at_index(number, value);
            return;
        }
        let key = ZendStr::new(name, true).into_raw();
        // SAFETY: the table takes a reference to the key and takes the value over bit by bit, so that our copy must not
        // drop it. The reference that made the key is given back; the one that is left is the table's.
        unsafe {
            zend_hash_update(table, key, &raw mut value);
            ext_php_rs_zend_string_release(key);
        }
        std::mem::forget(value);
        self.keys.push(key);
    }
}

impl Drop for OfProcess {
    fn drop(&mut self) {
        if self.is_lent() {
            // Values of this request would dangle. A worker comes here only where it serves more farms in one request
            // than it remembers.
            return;
        }
        self.count_anew();
        for table in &self.tables {
            // SAFETY: no value of PHP is left that came from here, and the table came from a box. The keys are freed with
            // their last references.
            unsafe {
                zend_hash_destroy(*table);
                drop(Box::from_raw(*table));
            }
        }
        for text in &self.texts {
            // SAFETY: the last reference; the string knows that it stands in memory of the process. It may be a password,
            // so nothing is left of it.
            unsafe {
                (&raw mut (**text).val).cast::<u8>().write_bytes(0, (**text).len);
                ext_php_rs_zend_string_release(*text);
            }
        }
    }
}
