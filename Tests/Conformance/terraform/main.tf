# Everything of a function that Terraform manages, against one endpoint.

terraform {
  required_providers {
    aws = {
      source = "hashicorp/aws"
    }
  }
}

variable "endpoint" {
  type = string
}

# Whether the provider asks STS who it is, as it does with AWS.
variable "ask_who_i_am" {
  type    = bool
  default = false
}

variable "name" {
  type = string
}

variable "runtime" {
  type = string
}

variable "package" {
  type = string
}

variable "layer_package" {
  type = string
}

variable "memory" {
  type    = number
  default = 256
}

# The version that the alias sends one invoke in ten to, beside the one that it points to.
variable "canary_version" {
  type    = string
  default = null
}

provider "aws" {
  region                      = "us-east-1"
  access_key                  = "any"
  secret_key                  = "any"
  skip_credentials_validation = !var.ask_who_i_am
  skip_requesting_account_id  = !var.ask_who_i_am
  skip_metadata_api_check     = true
  max_retries                 = 1

  endpoints {
    lambda = var.endpoint
    logs   = var.endpoint
    iam    = var.endpoint
    sts    = var.endpoint
  }
}

data "aws_iam_policy_document" "trust" {
  statement {
    actions = ["sts:AssumeRole"]
    principals {
      type        = "Service"
      identifiers = ["lambda.amazonaws.com"]
    }
  }
}

resource "aws_iam_role" "function" {
  name               = var.name
  description        = "What ${var.name} may do"
  assume_role_policy = data.aws_iam_policy_document.trust.json
  tags               = { Team = "tests" }
}

resource "aws_iam_role_policy" "function" {
  name = "read"
  role = aws_iam_role.function.id
  policy = jsonencode({
    Version   = "2012-10-17"
    Statement = [{ Effect = "Allow", Action = ["s3:GetObject"], Resource = "arn:aws:s3:::a-bucket/*" }]
  })
}

resource "aws_iam_policy" "own" {
  name = var.name
  policy = jsonencode({
    Version   = "2012-10-17"
    Statement = [{ Effect = "Allow", Action = ["sqs:SendMessage"], Resource = "*" }]
  })
}

resource "aws_iam_role_policy_attachment" "own" {
  role       = aws_iam_role.function.name
  policy_arn = aws_iam_policy.own.arn
}

resource "aws_iam_role_policy_attachment" "basic_execution" {
  role       = aws_iam_role.function.name
  policy_arn = "arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole"
}

resource "aws_cloudwatch_log_group" "function" {
  name              = "/aws/lambda/${var.name}"
  retention_in_days = 7
}

resource "aws_lambda_layer_version" "text" {
  layer_name               = var.name
  description              = "A text"
  filename                 = var.layer_package
  source_code_hash         = filebase64sha256(var.layer_package)
  compatible_runtimes      = [var.runtime]
  compatible_architectures = ["x86_64"]
  license_info             = "MIT"
}

resource "aws_lambda_function" "function" {
  function_name    = var.name
  description      = "Made by Terraform"
  role             = aws_iam_role.function.arn
  runtime          = var.runtime
  handler          = "app.handler"
  filename         = var.package
  source_code_hash = filebase64sha256(var.package)
  layers           = [aws_lambda_layer_version.text.arn]
  memory_size      = var.memory
  timeout          = 20
  publish          = true
  tags             = { Team = "tests", Stage = "one" }

  environment {
    variables = { GREETING = "hello" }
  }

  ephemeral_storage {
    size = 600
  }

  depends_on = [
    aws_cloudwatch_log_group.function,
    aws_iam_role_policy.function,
    aws_iam_role_policy_attachment.basic_execution,
    aws_iam_role_policy_attachment.own,
  ]
}

resource "aws_lambda_alias" "live" {
  name             = "live"
  description      = "What is used"
  function_name    = aws_lambda_function.function.function_name
  function_version = aws_lambda_function.function.version

  dynamic "routing_config" {
    for_each = var.canary_version == null ? [] : [var.canary_version]
    content {
      additional_version_weights = { (routing_config.value) = 0.1 }
    }
  }
}

resource "aws_lambda_permission" "events" {
  statement_id  = "AllowEvents"
  action        = "lambda:InvokeFunction"
  function_name = aws_lambda_function.function.function_name
  qualifier     = aws_lambda_alias.live.name
  principal     = "events.amazonaws.com"
  source_arn    = "arn:aws:events:us-east-1:000000000000:rule/a-rule"
}

resource "aws_lambda_permission" "url" {
  statement_id           = "AllowEverybody"
  action                 = "lambda:InvokeFunctionUrl"
  function_name          = aws_lambda_function.function.function_name
  principal              = "*"
  function_url_auth_type = "NONE"
}

# Who uses a URL needs both.
resource "aws_lambda_permission" "invoke" {
  statement_id  = "AllowEverybodyToInvoke"
  action        = "lambda:InvokeFunction"
  function_name = aws_lambda_function.function.function_name
  principal     = "*"
}

resource "aws_lambda_function_url" "function" {
  function_name      = aws_lambda_function.function.function_name
  authorization_type = "NONE"

  cors {
    allow_credentials = true
    allow_origins     = ["https://example.com"]
    allow_methods     = ["GET", "POST"]
    allow_headers     = ["x-one", "x-two"]
    expose_headers    = ["x-three"]
    max_age           = 600
  }
}

resource "aws_lambda_function_event_invoke_config" "function" {
  function_name                = aws_lambda_function.function.function_name
  maximum_event_age_in_seconds = 120
  maximum_retry_attempts       = 1
}

resource "aws_lambda_provisioned_concurrency_config" "live" {
  function_name                     = aws_lambda_function.function.function_name
  qualifier                         = aws_lambda_alias.live.name
  provisioned_concurrent_executions = 1
}

data "aws_lambda_function" "function" {
  function_name = aws_lambda_function.function.function_name
  qualifier     = aws_lambda_alias.live.name
}

data "aws_caller_identity" "self" {
  count = var.ask_who_i_am ? 1 : 0
}

output "url" {
  value = aws_lambda_function_url.function.function_url
}

output "url_id" {
  value = aws_lambda_function_url.function.url_id
}

output "version" {
  value = aws_lambda_function.function.version
}

output "seen_version" {
  value = data.aws_lambda_function.function.version
}

output "account" {
  value = one(data.aws_caller_identity.self[*].account_id)
}
