//! Small files beside the database that are replaced as a whole: after a crash there is the one
//! before or the one after, and never a torn one.

use std::{
    fs::{self, File},
    io::Write as _,
    path::Path,
};

use crate::{Fault, crash, private};

/// Puts text in a file's place: the new content is on disk, in `<name>.next`, before it has the
/// name, and the name before this returns.
pub(crate) fn replace(folder: &Path, name: &str, text: &str) -> Result<(), Fault> {
    let (next, path) = (folder.join(format!("{name}.next")), folder.join(name));
    let written = || {
        let mut file = private::create(&next)?;
        file.write_all(text.as_bytes())?;
        crash::point("file.written");
        file.sync_all()?;
        crash::point("file.synced");
        fs::rename(&next, &path)?;
        crash::point("file.renamed");
        File::open(folder)?.sync_all()
    };
    written().map_err(|error| Fault::file(&path, error))
}
