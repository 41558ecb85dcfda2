//! Parameters and results as PHP's own functions declare them.

use ext_php_rs::convert::{FromZval, IntoZval, StubLiteral};
use ext_php_rs::error::Result;
use ext_php_rs::flags::DataType;
use ext_php_rs::types::{ZendHashTable, ZendStr, Zval};

/// A text, byte for byte: what a client sends need not be UTF-8.
#[derive(Clone, Copy)]
pub(crate) struct Bytes<'a>(pub(crate) &'a [u8]);

impl<'a> FromZval<'a> for Bytes<'a> {
    const TYPE: DataType = DataType::String;

    fn from_zval(zval: &'a Zval) -> Option<Self> {
        zval.zend_str().map(|text| Self(ZendStr::as_bytes(text)))
    }
}

/// An array that may be left out: `array $name = []`.
#[derive(Clone, Copy)]
pub(crate) struct Entries<'a>(pub(crate) Option<&'a ZendHashTable>);

impl Entries<'_> {
    /// Left out.
    pub(crate) const NONE: Self = Self(None);
}

impl<'a> FromZval<'a> for Entries<'a> {
    const TYPE: DataType = DataType::Array;

    fn from_zval(zval: &'a Zval) -> Option<Self> {
        zval.array().map(|table| Self(Some(table)))
    }
}

impl StubLiteral for Entries<'_> {
    fn stub_literal(&self) -> String {
        "[]".to_owned()
    }
}

/// A tenant's facts, an array.
pub(crate) struct Facts(pub(crate) Zval);

impl IntoZval for Facts {
    const TYPE: DataType = DataType::Array;
    const NULLABLE: bool = false;

    fn set_zval(self, zval: &mut Zval, _persistent: bool) -> Result<()> {
        *zval = self.0;
        Ok(())
    }
}
