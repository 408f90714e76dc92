# frozen_string_literal: true

# Lambda's Ruby runtime, started as `ruby -EUTF-8 /var/runtime/bootstrap.rb` in the function's directory: loads the file
# that `_HANDLER` names, then takes one invoke after the other from the Runtime API until it is killed.

require 'json'
require_relative 'handler'
require_relative 'invoke'
require_relative 'log'
require_relative 'runtime_client'
require_relative 'runtime_error'

module SwiftletRuntime
  # The statuses that Lambda's own runtime exits with.
  EXIT_CRITICAL = 255
  EXIT_INIT_ERROR = 252
  EXIT_RUNTIME_API_LOST = 1

  # The loop of one process. Kernel's methods are named in full where a function's top may have one of the same name.
  class Bootstrap
    def initialize(environment)
      @client = RuntimeClient.new(environment.fetch('AWS_LAMBDA_RUNTIME_API'))
      @root = environment.fetch('LAMBDA_TASK_ROOT', Dir.pwd)
      @handler_name = environment.fetch('_HANDLER', '')
    end

    def run
      handler = load
      serve(handler, @client.next_invoke) while true
    rescue RuntimeClient::Lost => e
      Log.error('The Runtime API is lost', FunctionError.new(e, 'Runtime'))
      Kernel.exit!(EXIT_RUNTIME_API_LOST)
    end

    private

    def load
      LambdaHandler.load(@handler_name, @root)
    rescue SignalException
      raise
    rescue Exception => e # A script's own error is as wide: LoadError, SyntaxError, SystemExit.
      error = FunctionError.new(e, 'Init')
      Log.error("Init error when loading handler #{@handler_name}", error)
      @client.fail_init(error)
      Kernel.exit(EXIT_INIT_ERROR)
    end

    def serve(handler, invoke)
      Log.request_id = invoke.id
      Log.tenant_id = invoke.tenant_id
      ENV['_X_AMZN_TRACE_ID'] = invoke.trace_id
      body, type = answer(handler, invoke)
    rescue SignalException
      raise
    rescue StandardError => e
      # As the official client has it: code that names what does not exist will not work the next time either.
      e.is_a?(NameError) ? die(invoke, e) : report(invoke, e, 'Error raised from handler method')
    rescue Exception => e
      die(invoke, e)
    else
      @client.respond(invoke, body, type)
    end

    def answer(handler, invoke)
      request = AwsLambda::Marshaller.marshall_request(invoke)
      AwsLambda::Marshaller.marshall_response(handler.call_handler(request, invoke.context))
    end

    def die(invoke, exception)
      report(invoke, exception, 'Critical exception from handler')
      Kernel.exit(EXIT_CRITICAL)
    end

    def report(invoke, exception, title)
      error = FunctionError.new(exception, 'Function')
      Log.error(title, error)
      @client.fail(invoke, error)
    end
  end
end

# Each line has to be out before the process is frozen or killed.
$stdout.sync = true
$stderr.sync = true
SwiftletRuntime::Log.install
SwiftletRuntime::Bootstrap.new(ENV).run
