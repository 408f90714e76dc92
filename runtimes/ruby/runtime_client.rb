# frozen_string_literal: true

require 'json'
require 'socket'
require_relative 'invoke'
require_relative 'log'

module SwiftletRuntime
  # The runtime's side of the Runtime API, version 2018-06-01, over one connection that is kept. A bare socket: a warm
  # invoke is two small requests, and net/http takes longer to load than most functions.
  class RuntimeClient
    # The service is not there any more, or has failed; the process can only end.
    class Lost < StandardError; end

    PREFIX = '/2018-06-01/runtime'
    USER_AGENT = "swiftlet-ruby/#{RUBY_VERSION}"

    Response = Struct.new(:status, :headers, :body)

    # `address` is `host:port`.
    def initialize(address)
      @address = address
      @host, _, @port = address.rpartition(':')
    end

    # Waits for an invoke, for as long as it takes.
    def next_invoke
      response = request('GET', '/invocation/next')
      raise Lost, "the request for an invoke was answered with #{response.status}" unless response.status == 200

      Invoke.new(response.headers, response.body)
    end

    def respond(invoke, body, type)
      check(invoke, request('POST', "/invocation/#{invoke.id}/response", echoed(invoke, type), body))
    end

    # Answers an invoke with a FunctionError.
    def fail(invoke, error)
      check(invoke, post_error("/invocation/#{invoke.id}/error", echoed(invoke, 'application/json'), error))
    end

    # Reports that the function could not be initialised; the process has to exit then.
    def fail_init(error)
      post_error('/init/error', { 'Content-Type' => 'application/json' }, error)
    end

    private

    def post_error(path, headers, error)
      request('POST', path, { **headers, 'Lambda-Runtime-Function-Error-Type' => error.header },
              JSON.generate(error.payload))
    end

    # The delivery's own identifier goes back with the answer, so that a late one cannot meet another invoke.
    def echoed(invoke, type)
      { 'Content-Type' => type, 'Lambda-Runtime-Invocation-Id' => invoke.delivery_id }.compact
    end

    # A refusal (the invoke has timed out, the response is too large) is the service's to report to the caller; the log
    # says that the answer went nowhere.
    def check(invoke, response)
      raise Lost, "the result of invoke #{invoke.id} was answered with #{response.status}" if response.status >= 500
      return if response.status < 300

      Log.warn("The answer to invoke #{invoke.id} was refused with #{response.status}: #{response.body.strip}")
    end

    def request(method, path, headers = {}, body = nil)
      head = +"#{method} #{PREFIX}#{path} HTTP/1.1\r\nHost: #{@address}\r\nUser-Agent: #{USER_AGENT}\r\n"
      headers.each { |name, value| head << "#{name}: #{value}\r\n" }
      head << "Content-Length: #{body.bytesize}\r\n" if body
      head << "\r\n"
      write(head, body)
      read
    rescue SystemCallError, IOError => e
      raise Lost, "the connection to the Runtime API failed: #{e.message}"
    end

    def write(head, body)
      connection.write(head.b, body.to_s.b)
    end

    def connection
      @connection ||= TCPSocket.new(@host, @port.to_i).tap do |socket|
        socket.setsockopt(Socket::IPPROTO_TCP, Socket::TCP_NODELAY, 1)
        socket.binmode
      end
    end

    def read
      status = line[%r{\AHTTP/1\.[01] (\d{3})}, 1] or raise Lost, 'the Runtime API sent something that is not HTTP'
      headers = {}
      until (field = line).empty?
        name, _, value = field.partition(':')
        headers[name.downcase] = value.strip.force_encoding(Encoding::UTF_8)
      end
      body = headers['transfer-encoding']&.casecmp?('chunked') ? chunks : bytes(headers['content-length'].to_i)
      close if headers['connection']&.casecmp?('close')
      Response.new(status.to_i, headers, body.force_encoding(Encoding::UTF_8))
    end

    def chunks
      body = +''.b
      until (size = line.hex).zero?
        body << bytes(size)
        line
      end
      nil until line.empty?
      body
    end

    def bytes(count)
      return +''.b if count.zero?

      read = @connection.read(count)
      raise EOFError, 'it was closed amid a response' unless read&.bytesize == count

      read
    end

    def line
      @connection.gets("\r\n")&.chomp("\r\n") or raise EOFError, 'it was closed'
    end

    def close
      @connection.close
      @connection = nil
    end
  end
end
