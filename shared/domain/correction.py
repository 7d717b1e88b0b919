"""A correction: an upload with refused rows of another one, fixed, and read just as that other one's file was."""

from __future__ import annotations

from shared.domain.headers import added_by_us, cells_of_the_file
from shared.domain.plan import ImportPlan
from shared.domain.refused import CODES_COLUMN, REASONS_COLUMN, ROW_COLUMN
from shared.domain.upload import Upload, UploadOptions, UploadState

MOST_CORRECTIONS = 100
"""Of one upload; as many items as DynamoDB gives at once."""

MOST_CORRECTED_ROWS = 50_000
"""In one correction: their numbers are looked through whenever a page of refused rows is shown."""

INHERITED = frozenset(
    {
        *("work_unit_id", "identity", "time_zone", "defaults", "mapping", "decimal_mark", "date_order", "ratio_scale"),
        *("deduplicate", "validate_data"),
    }
)
"""The options that a correction has from the upload that it corrects."""

NOT_OF_A_CORRECTION = frozenset({"sheet", "profile", "save_profile"})
"""The options that say nothing of a correction: how its rows are read is decided, and it is a CSV file."""

ADDED_COLUMNS = (ROW_COLUMN, CODES_COLUMN, REASONS_COLUMN)


def inherited_options(corrected: UploadOptions) -> dict[str, object]:
    """What a correction has of the options, by the API's names, as JSON."""
    return corrected.model_dump(mode="json", by_alias=True, include=set(INHERITED), exclude_none=True)


def columns_of(corrected: Upload) -> list[str]:
    """The columns of a correction, as the CSV of the upload's refused rows has them."""
    header = corrected.plan.header if corrected.plan else []
    return [*ADDED_COLUMNS, *cells_of_the_file(header, added_by_us(header))]


def plan_of_rows(plan: ImportPlan, own: UploadOptions) -> ImportPlan:
    """The plan by which the upload's refused rows are read again; `own` are the correction's options.

    A file that was itself a download of refused rows had columns of ours in front, which its own download has not:
    they are left out. The type stays that of the file: in a workbook `#N/A` is a failed formula.
    """
    chosen = UploadOptions.model_fields.keys() - INHERITED - NOT_OF_A_CORRECTION - {"import_type"}
    added = added_by_us(plan.header)
    kept = [position for position in range(len(plan.header)) if position not in added]
    return plan.model_copy(
        update={
            "options": plan.options.model_copy(update={name: getattr(own, name) for name in chosen}),
            "header": [plan.header[position] for position in kept],
            "columns": [plan.columns[position] for position in kept],
            "attribute_names": {
                place: plan.attribute_names[position]
                for place, position in enumerate(kept)
                if position in plan.attribute_names
            },
            "fewest_cells": max(plan.fewest_cells - len(added), 1),
            "trailing_delimiter": False,
            "guarded": True,
        }
    )


def is_completed(upload: Upload) -> bool:
    """Whether its rows are in the table, all but those that were refused."""
    return not upload.options.dry_run and upload.state in (
        UploadState.COMPLETED,
        UploadState.COMPLETED_WITH_ERRORS,
    )
