"""Writes what SAM makes of a template, as JSON: translate.py TEMPLATE OUT ALL_ON

That is what CloudFormation gets. Linters find more in it, such as actions that do not
exist. ALL_ON is the same with every condition true: checkov passes over a policy with
Fn::If in it, without a word. Nothing is asked of AWS.
"""

import json
import sys

import boto3
from samtranslator.parser.parser import Parser
from samtranslator.translator.translator import Translator
from samtranslator.yaml_helper import yaml_parse

with open(sys.argv[1], encoding="utf-8") as f:
    template = yaml_parse(f)
for resource in template["Resources"].values():
    if "CodeUri" in resource["Properties"]:  # `sam deploy` uploads the directory and puts the address here
        resource["Properties"]["CodeUri"] = "s3://bucket/key"
translated = Translator({}, Parser(), boto_session=boto3.Session()).translate(template, parameter_values={})


def all_on(value):
    if isinstance(value, dict):
        return all_on(value["Fn::If"][1]) if "Fn::If" in value else {k: all_on(v) for k, v in value.items()}
    return [all_on(v) for v in value] if isinstance(value, list) else value


for path, content in (sys.argv[2], translated), (sys.argv[3], all_on(translated)):
    with open(path, "w", encoding="utf-8") as f:
        json.dump(content, f, indent=1)
