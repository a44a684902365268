"""Errors of the start, of plugins, of models, of commands."""

from __future__ import annotations

from llmlb_core.errors.base import LLMLBError

# --- stops the start -----------------------------------------------------------------------------------------------


class StartError(LLMLBError):
    """The server cannot start; the command prints the message in one line and exits with 2."""


class SettingsInvalid(StartError):
    """A setting is unknown, has the wrong type or an impossible value."""


class AddressInUse(StartError):
    """Another process listens on the address."""


class DataDirUnusable(StartError):
    """The data directory cannot be made, read or written."""


class DatabaseUnusable(StartError):
    """The database cannot be opened, is damaged, or is newer than this program."""


class PluginRequired(StartError):
    """A plugin that settings require is missing or not active."""


# --- a plugin's status ---------------------------------------------------------------------------------------------


class PluginError(LLMLBError):
    """Why a plugin is not active.

    Args:
        message: What happened.
        mend: The command or edit that repairs it.
    """

    def __init__(self, message: str, *, mend: str = "") -> None:
        """Keep the reason and what mends it."""
        super().__init__(message)
        self.mend = mend


class PluginBroken(PluginError):
    """The plugin raised, or contributed something that is not what its hook takes."""


class PluginIncompatible(PluginError):
    """The plugin was made for another version of llmlb-core or of Python."""


class PluginConflict(PluginError):
    """Two plugins contribute the same name, and settings prefer neither."""


# --- a model on this machine ---------------------------------------------------------------------------------------


class ModelError(LLMLBError):
    """A model on this machine cannot be had or run."""


class ModelUnknown(ModelError):
    """No model of this name or reference is known."""


class ModelFilesInvalid(ModelError):
    """Files are missing, damaged, or in no format that an installed engine runs."""


class ModelTooLarge(ModelError):
    """The model needs more memory than it may have."""


class DownloadFailed(ModelError):
    """A file could not be fetched or its hash is wrong."""


# --- a simulation --------------------------------------------------------------------------------------------------


class TraceInvalid(LLMLBError):
    """A trace, history or fleet of a simulation cannot be read, or does not fit; names the file and the line."""
