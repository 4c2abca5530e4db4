"""What is checked beyond the schema: settings that contradict one another, or the files they name.

One file is one rule. A rule is silent where a value has the wrong type, which the schema reports, and where it would
have to know something that the facts do not tell.
"""

from __future__ import annotations

from collections.abc import Callable

from olivine_schemas.problems import Problem

from . import (
    asymmetric_tied_embeddings,
    azureml_without_client,
    azureml_without_environment,
    best_model_steps,
    bf16_unsupported,
    builder_precision_device,
    builder_without_merge,
    conversion_before_training,
    dangling_data_config,
    dangling_evaluator,
    dangling_pass,
    dangling_system,
    device_provider_mismatch,
    duplicate_name,
    empty_data_file,
    eval_never_runs,
    hf_token_without_keyvault,
    high_learning_rate,
    literal_secret,
    max_steps_over_epochs,
    merge_without_adapter,
    missing_column,
    missing_conda_file,
    missing_data_file,
    missing_file,
    missing_model,
    mixed_precision_conflict,
    old_conda_python,
    padding_conflict,
    pass_after_terminal,
    placeholder_left,
    provider_not_here,
    qlora_merge_dequantizes,
    qlora_then_builder,
    random_needs_seed,
    registry_model_format,
    remote_data_file,
    search_without_evaluator,
    sequence_over_limit,
    stride_missing,
    template_placeholder,
    too_little_text,
    trust_remote_code,
    unknown_builder_option,
    unknown_chat_token,
    unknown_function,
    unknown_provider,
    unknown_split,
    unknown_target_module,
    unreadable_data_file,
    unused_data_config,
)
from .rule import Context, Rule

__all__ = ["RULES", "Context", "Rule", "run"]

RULES: tuple[Rule, ...] = (
    asymmetric_tied_embeddings.RULE,
    azureml_without_client.RULE,
    azureml_without_environment.RULE,
    best_model_steps.RULE,
    bf16_unsupported.RULE,
    builder_precision_device.RULE,
    builder_without_merge.RULE,
    conversion_before_training.RULE,
    dangling_data_config.RULE,
    dangling_evaluator.RULE,
    dangling_pass.RULE,
    dangling_system.RULE,
    device_provider_mismatch.RULE,
    duplicate_name.RULE,
    empty_data_file.RULE,
    eval_never_runs.RULE,
    hf_token_without_keyvault.RULE,
    high_learning_rate.RULE,
    literal_secret.RULE,
    max_steps_over_epochs.RULE,
    merge_without_adapter.RULE,
    missing_column.RULE,
    missing_conda_file.RULE,
    missing_data_file.RULE,
    missing_file.RULE,
    missing_model.RULE,
    mixed_precision_conflict.RULE,
    old_conda_python.RULE,
    padding_conflict.RULE,
    pass_after_terminal.RULE,
    placeholder_left.RULE,
    provider_not_here.RULE,
    qlora_merge_dequantizes.RULE,
    qlora_then_builder.RULE,
    random_needs_seed.RULE,
    registry_model_format.RULE,
    remote_data_file.RULE,
    search_without_evaluator.RULE,
    sequence_over_limit.RULE,
    stride_missing.RULE,
    template_placeholder.RULE,
    too_little_text.RULE,
    trust_remote_code.RULE,
    unknown_builder_option.RULE,
    unknown_chat_token.RULE,
    unknown_function.RULE,
    unknown_provider.RULE,
    unknown_split.RULE,
    unknown_target_module.RULE,
    unreadable_data_file.RULE,
    unused_data_config.RULE,
)
"""Every rule, by code."""


def run(context: Context, *, doubtful: bool = False, between: Callable[[], None] = lambda: None) -> list[Problem]:
    """The problems that the rules find, in the order of the text.

    A config is `doubtful` where a key is missing, misspelt or of the wrong type: some rules wait until it is not.
    `between` is called before each rule.
    """
    found: list[Problem] = []
    for rule in RULES:
        if rule.in_doubt or not doubtful:
            between()
            found += rule.check(context)
    return sorted(found, key=lambda problem: (problem.span, problem.code))
