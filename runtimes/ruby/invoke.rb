# frozen_string_literal: true

require 'json'
require 'stringio'

# What a handler is told about the function and the invoke.
class LambdaContext
  attr_reader :aws_request_id, :invoked_function_arn, :log_group_name, :log_stream_name, :function_name,
              :memory_limit_in_mb, :function_version, :identity, :client_context, :deadline_ms, :tenant_id

  def initialize(headers)
    @aws_request_id = headers['lambda-runtime-aws-request-id']
    @invoked_function_arn = headers['lambda-runtime-invoked-function-arn']
    @deadline_ms = headers['lambda-runtime-deadline-ms'].to_i
    @tenant_id = headers['lambda-runtime-aws-tenant-id']
    @identity = parse(headers['lambda-runtime-cognito-identity'])
    @client_context = parse(headers['lambda-runtime-client-context'])
    @log_group_name = ENV['AWS_LAMBDA_LOG_GROUP_NAME']
    @log_stream_name = ENV['AWS_LAMBDA_LOG_STREAM_NAME']
    @function_name = ENV['AWS_LAMBDA_FUNCTION_NAME']
    @function_version = ENV['AWS_LAMBDA_FUNCTION_VERSION']
    @memory_limit_in_mb = ENV['AWS_LAMBDA_FUNCTION_MEMORY_SIZE']
  end

  def get_remaining_time_in_millis
    [@deadline_ms - Process.clock_gettime(Process::CLOCK_REALTIME, :millisecond), 0].max
  end

  private

  def parse(json)
    json && JSON.parse(json)
  end
end

module SwiftletRuntime
  # One invoke as it came from the Runtime API.
  class Invoke
    attr_reader :body

    # `headers` has lower-case names.
    def initialize(headers, body)
      @headers = headers
      @body = body
    end

    def id = @headers['lambda-runtime-aws-request-id']
    def delivery_id = @headers['lambda-runtime-invocation-id']
    def trace_id = @headers['lambda-runtime-trace-id']
    def tenant_id = @headers['lambda-runtime-aws-tenant-id']
    def content_type = @headers['content-type']
    def context = LambdaContext.new(@headers)
  end
end

module AwsLambda
  # Turns events into what handlers take, and what they return into responses. Functions may reopen it, as they may the
  # official client's.
  class Marshaller
    class << self
      def marshall_request(invoke)
        invoke.content_type == 'application/json' ? JSON.parse(invoke.body) : invoke.body
      end

      # The body and its type.
      def marshall_response(result)
        case result
        when StringIO, IO then [result.read, 'application/unknown']
        else [JSON.dump(result), 'application/json']
        end
      end
    end
  end
end
