"""The archive: everything the journal holds, in files that can be read, checked and searched without mig."""
