"""Makes a container in Azure Blob Storage: `container.py ADDRESS ACCOUNT KEY NAME`."""
import sys

import pyarrow.fs

address, account, key, name = sys.argv[1:]
pyarrow.fs.AzureFileSystem(
    account, account_key=key, blob_storage_authority=address, blob_storage_scheme="http",
    dfs_storage_authority=address, dfs_storage_scheme="http",
).create_dir(name)
